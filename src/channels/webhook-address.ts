import type { LookupAddress } from "node:dns";
import { lookup as resolve } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/**
 * Where a webhook may go. Its URL is written by a tenant and called from inside the operator's network, so
 * what is not on the public Internet is refused (server-side request forgery), twice: by its spelling when
 * it is stored, and by what it resolves to when it is called.
 */

export const webhookUrlMaxChars = 2048;

/** All addresses of a name, in the order to try them. Rejects where there are none. */
export type Lookup = (hostname: string) => Promise<LookupAddress[]>;

export interface AddressPolicy {
  /** True for development and for receivers inside the operator's own network. */
  allowPrivate: boolean;
}

/** A name or an address that is not on the public Internet. Says nothing of what the name resolved to. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";

  constructor(readonly hostname: string) {
    super(`${hostname} is not a public address`);
  }
}

/** Names that never mean a public host: RFC 6761, RFC 6762, RFC 8375, and ICANN's reservation of .internal. */
const privateSuffixes = [".localhost", ".local", ".internal", ".home.arpa"];

/**
 * IPv4 that is not global unicast, by IANA's registry of special-purpose addresses. Through NAT64 (RFC 6052)
 * each is reachable as IPv6 too; its IPv4-mapped form (::ffff:0:0/96) BlockList matches by itself.
 */
const ipv4Refused: [network: string, prefix: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];

/** IPv6 inside the allowed prefixes that is not global unicast: protocol assignments, 6to4, documentation. */
const ipv6Refused: [network: string, prefix: number][] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

/** The IPv6 that can be public: global unicast, and the two prefixes that carry an IPv4 address. */
const ipv6Allowed: [network: string, prefix: number][] = [
  ["2000::", 3],
  ["::ffff:0:0", 96],
  ["64:ff9b::", 96],
];

const refused = new BlockList();
for (const [network, prefix] of ipv4Refused) {
  refused.addSubnet(network, prefix, "ipv4");
  refused.addSubnet(`64:ff9b::${network}`, 96 + prefix, "ipv6");
}
for (const [network, prefix] of ipv6Refused) refused.addSubnet(network, prefix, "ipv6");

const allowed = new BlockList();
for (const [network, prefix] of ipv6Allowed) allowed.addSubnet(network, prefix, "ipv6");

/** Whether an IP address is global unicast. What is not an IP address is not. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !refused.check(address, "ipv4");
    case 6:
      return allowed.check(address, "ipv6") && !refused.check(address, "ipv6");
    default:
      return false;
  }
}

/** Whether a URL's host is private by its spelling alone; the URL parser has normalised numeric spellings. */
export function isPrivateHost(hostname: string): boolean {
  const host = bareHost(hostname);
  if (isIP(host)) return !isPublicAddress(host);
  const name = host.toLowerCase().replace(/\.$/, "");
  // A name without a dot is found through a search domain: a neighbour in the operator's network.
  return !name.includes(".") || privateSuffixes.some((suffix) => name.endsWith(suffix));
}

/**
 * What is wrong with a webhook URL, as a sentence for the client, or null. Looks at the spelling only: a
 * public name can resolve to a private address, now or later, which `resolvePublicAddress` sees.
 */
export function webhookUrlFault(text: string, { allowPrivate }: AddressPolicy): string | null {
  if (text.length > webhookUrlMaxChars) return `The URL is longer than ${webhookUrlMaxChars} characters.`;
  // The URL parser drops tabs and line breaks, so what it reads would not be what was written.
  if (/[\p{Cc}\s]/u.test(text)) return "The URL has spaces or control characters in it.";
  const url = URL.parse(text);
  if (!url) return "The URL cannot be read: give an absolute one, such as https://example.com/hook.";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "The URL must be http or https.";
  if (url.hostname === "") return "The URL has no host.";
  if (url.username || url.password) return "The URL must not carry credentials: calls are signed instead.";
  if (url.port === "0") return "The URL must not name port 0.";
  if (!allowPrivate && isPrivateHost(url.hostname)) return "The URL's host is not on the public Internet.";
  return null;
}

/**
 * The addresses to connect to. Throws PrivateAddressError if any one of them is not global unicast: a
 * receiver has no reason to mix, and the client tries them all. Rejects as `lookup` does where a name has none.
 */
export async function resolvePublicAddress(
  hostname: string,
  { allowPrivate, lookup = resolveAll }: AddressPolicy & { lookup?: Lookup | undefined },
): Promise<[LookupAddress, ...LookupAddress[]]> {
  const host = bareHost(hostname);
  const family = isIP(host);
  const [first, ...rest] = family ? [{ address: host, family }] : await lookup(host);
  if (!first) throw new Error(`${host} has no address`);
  const addresses: [LookupAddress, ...LookupAddress[]] = [first, ...rest];
  if (!allowPrivate && !addresses.every(({ address }) => isPublicAddress(address))) {
    throw new PrivateAddressError(host);
  }
  return addresses;
}

function resolveAll(hostname: string): Promise<LookupAddress[]> {
  return resolve(hostname, { all: true });
}

/** A URL's hostname without the brackets around IPv6. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
