import { domainToASCII } from "node:url";
import type { SendMailOptions } from "nodemailer";
import addressparser from "nodemailer/lib/addressparser";
import type { Message, Priority } from "./channel.ts";

/** RFC 5321 §4.5.3.1, in bytes: 64 before the @, and 254 in all (a path of 256 less its brackets). */
const localMaxBytes = 64;
const addressMaxBytes = 254;

/** A mailbox whose address has no fault. `name` may be empty. */
export interface Mailbox {
  name: string;
  address: string;
}

/**
 * What is wrong with an e-mail address, as a sentence for the client, or null. Practical rather than all of
 * RFC 5321: no quoted local parts, comments or address literals, which real mailboxes do not have and which
 * parsers disagree on. International names are fine (RFC 6531, IDNA).
 */
export function emailAddressFault(address: string): string | null {
  if (/[\p{C}\p{Z}]/u.test(address)) return "The address has spaces or control characters in it.";
  const [local, domain, ...more] = address.split("@");
  if (!local || !domain || more.length > 0) return "The address must be of the form name@example.com.";
  if (Buffer.byteLength(local) > localMaxBytes) {
    return `The part before the @ is longer than ${localMaxBytes} bytes.`;
  }
  if (Buffer.byteLength(address) > addressMaxBytes)
    return `The address is longer than ${addressMaxBytes} bytes.`;
  if (!/^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u.test(local)) {
    return "The part before the @ has a character or a dot where none may be.";
  }
  return isDomain(domain) ? null : "The part after the @ is not a domain name.";
}

/** At least two labels of letters, digits and inner hyphens, and a last one that is not a number. */
function isDomain(domain: string): boolean {
  // Before IDNA, which would read more than is meant: it decodes %61 and takes 0x7f.1 for an IPv4 address.
  if (!/^[\p{L}\p{N}\p{M}.-]+$/u.test(domain)) return false;
  const labels = domainToASCII(domain).split(".");
  const isLabel = (label: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label);
  return labels.length >= 2 && labels.every(isLabel) && !/^\d+$/.test(labels.at(-1) ?? "");
}

/** Reads `name@example.com` or `Name <name@example.com>`; null for anything else, several mailboxes included. */
export function parseMailbox(text: string): Mailbox | null {
  const [mailbox, ...more] = addressparser(text);
  if (!mailbox?.address || more.length > 0 || emailAddressFault(mailbox.address)) return null;
  return { name: mailbox.name, address: mailbox.address };
}

/**
 * A message as nodemailer takes it. The Message-ID is made of the delivery's id and the same on each attempt,
 * so that mail servers and readers can drop a repetition. `Auto-Submitted` (RFC 3834) keeps robots from answering.
 */
export function buildEmail(message: Message, { from, to }: { from: Mailbox; to: string }): SendMailOptions {
  const domain = domainToASCII(from.address.slice(from.address.indexOf("@") + 1));
  return {
    from: { name: oneLine(from.name), address: from.address },
    to: { name: oneLine(message.user.name ?? ""), address: to },
    subject: oneLine(message.title),
    text: message.body,
    messageId: `<${message.deliveryId}@${domain}>`,
    headers: {
      "X-Carillon-Notification-Id": message.notificationId,
      "Auto-Submitted": "auto-generated",
      ...urgency(message.priority),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** `Importance` is RFC 2156's, `X-Priority` what mail readers show. */
function urgency(priority: Priority): Record<string, string> {
  switch (priority) {
    case "critical":
      return { Importance: "high", "X-Priority": "1" };
    case "high":
      return { Importance: "high", "X-Priority": "2" };
    case "normal":
    case "low":
      return {};
  }
}

/** No CR or LF can reach a header. nodemailer sees to that too; a second lock on this door costs nothing. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
