import { join } from "node:path";
import { tempFolder } from "../temp-folder.ts";

export interface Certificate {
  /** PEM. */
  cert: string;
  key: string;
}

/** A certificate authority of this test's own, and what it issued for each name. */
export async function issueCertificates<Name extends string>(
  ...names: Name[]
): Promise<{ ca: string; issued: Record<Name, Certificate> }> {
  await using folder = tempFolder();
  const at = (name: string) => join(folder.path, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const authority = ["-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=Test authority"];
  await openssl("req", "-x509", "-days", "2", ...newKey, ...authority);
  const issued: Partial<Record<Name, Certificate>> = {};
  for (const name of names) {
    const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
    const issuer = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-days", "2"];
    await openssl("req", "-x509", ...newKey, ...subject, ...issuer, "-keyout", at("key"), "-out", at("cert"));
    issued[name] = { key: await Bun.file(at("key")).text(), cert: await Bun.file(at("cert")).text() };
  }
  return { ca: await Bun.file(at("ca.pem")).text(), issued: issued as Record<Name, Certificate> };
}

async function openssl(...args: string[]): Promise<void> {
  const child = Bun.spawn(["openssl", ...args], { stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
}
