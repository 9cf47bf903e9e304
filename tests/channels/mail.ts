/** Reads what came over SMTP: enough of RFC 5322, RFC 2045 and RFC 2047 to see what a mail reader would. */

export interface Mail {
  /** Each header field, unfolded but not decoded, in order. */
  fields: [name: string, value: string][];
  /** The values of all fields of that name (any case), with encoded words decoded. */
  headers(name: string): string[];
  /** The body with its transfer encoding undone. */
  text: string;
}

export function parseMail(raw: string): Mail {
  const end = raw.indexOf("\r\n\r\n");
  const fields = raw
    .slice(0, end)
    .replace(/\r\n(?=[ \t])/g, "")
    .split("\r\n")
    .map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
  const headers = (name: string) =>
    fields
      .filter(([other]) => other.toLowerCase() === name.toLowerCase())
      .map(([, value]) => decodeWords(value));
  const body = raw.slice(end + 4);
  return { fields, headers, text: decodeBody(body, headers("content-transfer-encoding")[0] ?? "7bit") };
}

function decodeBody(body: string, encoding: string): string {
  switch (encoding.toLowerCase()) {
    case "base64":
      return Buffer.from(body, "base64").toString("utf8");
    case "quoted-printable":
      return unescapeBytes(body.replace(/=\r\n/g, "")).toString("utf8");
    default:
      return body;
  }
}

function decodeWords(value: string): string {
  return value
    .replace(/(\?=)\s+(=\?)/g, "$1$2")
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding: string, text: string) =>
      (encoding.toLowerCase() === "b"
        ? Buffer.from(text, "base64")
        : unescapeBytes(text.replaceAll("_", " "))
      ).toString("utf8"),
    );
}

function unescapeBytes(text: string): Buffer {
  return Buffer.from(
    text.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}
