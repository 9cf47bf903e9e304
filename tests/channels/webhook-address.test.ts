import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  isPublicAddress,
  PrivateAddressError,
  resolvePublicAddress,
  webhookUrlFault,
  webhookUrlMaxChars,
} from "../../src/channels/webhook-address.ts";

const strict = { allowPrivate: false };
const lenient = { allowPrivate: true };

/** First and last address of what is not global unicast in IPv4, by IANA's special-purpose registry. */
const special: [first: string, last: string][] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
];
const specialRanges = special.map(([first, last]) => ({ min: toNumber(first), max: toNumber(last) }));

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function bytesOf(n: number): [number, number, number, number] {
  return [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
}

function dotted(n: number): string {
  return bytesOf(n).join(".");
}

function hexGroups(n: number): string {
  return `${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}`;
}

const specialAddress = fc.oneof(...specialRanges.map((range) => fc.integer(range)));

/** Ways to write an IPv4 address in a URL; the first four are what inet_aton of 1983 takes. */
const spellings: ((n: number) => string)[] = [
  (n) => dotted(n),
  (n) => n.toString(),
  (n) => `0x${n.toString(16)}`,
  (n) => `0${n.toString(8)}`,
  (n) =>
    bytesOf(n)
      .map((byte) => `0x${byte.toString(16)}`)
      .join("."),
  (n) =>
    bytesOf(n)
      .map((byte) => `0${byte.toString(8)}`)
      .join("."),
  (n) => `${n >>> 24}.${n & 0xffffff}`,
  (n) => `${dotted(n)}.`,
  (n) => dotted(n).replaceAll(".", "%2e"),
  (n) => dotted(n).replaceAll("1", "①"),
  (n) => `[::ffff:${dotted(n)}]`,
  (n) => `[0:0:0:0:0:FFFF:${hexGroups(n)}]`,
  (n) => `[64:ff9b::${hexGroups(n)}]`,
  (n) => `[::${dotted(n)}]`,
  (n) => `[2002:${hexGroups(n)}::1]`,
  (n) => `[2001:0:${hexGroups(n)}::1]`,
];

describe("a webhook URL", () => {
  test("that means a special-purpose address is refused however it is written", () => {
    fc.assert(
      fc.property(specialAddress, fc.constantFrom(...spellings), (n, spell) => {
        expect(webhookUrlFault(`https://${spell(n)}/hook`, strict)).toContain("not on the public Internet");
      }),
      { numRuns: 2000 },
    );
  });

  test("with any other IPv4 address, mapped or through NAT64 too, is fine", () => {
    const isSpecial = (n: number) => specialRanges.some(({ min, max }) => n >= min && n <= max);
    const publicAddress = fc.integer({ min: 0, max: 0xffffffff }).filter((n) => !isSpecial(n));
    fc.assert(
      fc.property(publicAddress, (n) => {
        expect(webhookUrlFault(`http://${dotted(n)}/`, strict)).toBeNull();
        expect(webhookUrlFault(`http://[::ffff:${dotted(n)}]/`, strict)).toBeNull();
        expect(webhookUrlFault(`http://[64:ff9b::${hexGroups(n)}]/`, strict)).toBeNull();
      }),
    );
  });

  test.each([
    "[::]",
    "[::1]",
    "[fc00::1]",
    "[fdff::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[64:ff9b:1::1]",
    "[5f00::1]",
    "[4000::1]",
  ])("with the IPv6 host %s is refused", (host) => {
    expect(webhookUrlFault(`https://${host}/`, strict)).toContain("not on the public Internet");
  });

  test.each([
    "[2606:4700::6810:85e5]",
    "[2a00:1450:4001:830::200e]",
    "8.8.8.8",
    "example.com",
    "bücher.example",
  ])("with the public host %s is fine", (host) => {
    expect(webhookUrlFault(`https://${host}:8443/hook?a=b`, strict)).toBeNull();
  });

  test.each([
    "localhost",
    "LOCALHOST.",
    "api.localhost",
    "printer.local",
    "metadata.google.internal",
    "metadata.google.internal.",
    "nas.home.arpa",
    "redis",
  ])("with the name %s, which is never public, is refused", (name) => {
    expect(webhookUrlFault(`https://${name}/`, strict)).toContain("not on the public Internet");
    expect(webhookUrlFault(`https://${name}/`, lenient)).toBeNull();
  });

  test.each([
    ["", "cannot be read"],
    ["/hook", "cannot be read"],
    ["https://", "cannot be read"],
    ["https://256.1.1.1/", "cannot be read"],
    ["ftp://example.com/", "http or https"],
    ["file:///etc/passwd", "http or https"],
    ["javascript:alert(1)", "http or https"],
    ["https://user@example.com/", "credentials"],
    ["https://:pass@example.com/", "credentials"],
    ["https://exam\nple.com/", "control characters"],
    ["https://example.com/a b", "spaces"],
    ["https://example.com:0/", "port 0"],
    [`https://example.com/${"a".repeat(webhookUrlMaxChars)}`, "longer than 2048"],
  ])("%j is refused whatever is allowed", (url, why) => {
    expect(webhookUrlFault(url, strict)).toContain(why);
    expect(webhookUrlFault(url, lenient)).toContain(why);
  });

  test("with a private address is fine where private addresses are allowed", () => {
    expect(webhookUrlFault("http://127.0.0.1:3000/hook", lenient)).toBeNull();
    expect(webhookUrlFault("http://[::1]/hook", lenient)).toBeNull();
  });
});

describe("a name's addresses", () => {
  const open = { address: "93.184.215.14", family: 4 };
  const open6 = { address: "2606:2800:21f:cb07:6820:80da:af6b:8b2c", family: 6 };
  const metadata = { address: "169.254.169.254", family: 4 };
  const scoped = { address: "fe80::1%eth0", family: 6 };

  test("are all returned when all are public", async () => {
    const lookup = async () => [open, open6];

    expect(await resolvePublicAddress("example.com", { ...strict, lookup })).toEqual([open, open6]);
  });

  test.each([[[metadata]], [[open, metadata]], [[metadata, open6]], [[open, scoped]]])(
    "%j are refused since one of them is private",
    async (addresses) => {
      const lookup = async () => addresses;

      await expect(resolvePublicAddress("example.com", { ...strict, lookup })).rejects.toThrow(
        PrivateAddressError,
      );
      expect<unknown>(await resolvePublicAddress("example.com", { ...lenient, lookup })).toEqual(addresses);
    },
  );

  test("are not told by the refusal, which the tenant can read", async () => {
    const lookup = async () => [metadata];
    const refusal = String(
      await resolvePublicAddress("example.com", { ...strict, lookup }).catch((error) => error),
    );

    expect(refusal).toContain("example.com");
    expect(refusal).not.toContain("169.254");
  });

  test("are not looked up for a literal address", async () => {
    const lookup = () => Promise.reject(new Error("looked up"));

    expect(await resolvePublicAddress("[2606:2800::1]", { ...strict, lookup })).toEqual([
      { address: "2606:2800::1", family: 6 },
    ]);
    await expect(resolvePublicAddress("[::1]", { ...strict, lookup })).rejects.toThrow(PrivateAddressError);
  });

  test("are an error when there are none", async () => {
    await expect(resolvePublicAddress("example.com", { ...lenient, lookup: async () => [] })).rejects.toThrow(
      "example.com has no address",
    );
  });

  test("come from the system's resolver by default", async () => {
    await expect(resolvePublicAddress("localhost", strict)).rejects.toThrow(PrivateAddressError);
  });
});

test("what is not an IP address is not a public one", () => {
  fc.assert(fc.property(fc.string(), (text) => !isPublicAddress(`${text}!`)));
});
