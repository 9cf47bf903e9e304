import "reflect-metadata";
import * as x509 from "@peculiar/x509";

export interface Certificate {
  /** PEM. */
  cert: string;
  key: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;

/** A certificate authority of this test's own, and what it issued for each name. */
export async function issueCertificates<Name extends string>(
  ...names: Name[]
): Promise<{ ca: string; issued: Record<Name, Certificate> }> {
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + dayMs) };
  const authorityKeys = await newKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: "CN=Test authority",
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  const issued: Partial<Record<Name, Certificate>> = {};
  for (const name of names) {
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      ...validity,
      subject: `CN=${name}`,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
    });
    const key = x509.PemConverter.encode(
      await crypto.subtle.exportKey("pkcs8", keys.privateKey),
      "PRIVATE KEY",
    );
    issued[name] = { key, cert: cert.toString("pem") };
  }
  return { ca: authority.toString("pem"), issued: issued as Record<Name, Certificate> };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}
