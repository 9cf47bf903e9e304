import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emailAddressFault, parseMailbox } from "../../src/channels/email.ts";

describe("an e-mail address", () => {
  test.each([
    "ana@example.com",
    "ana.maria+tag@mail.example.co.uk",
    "o'brien_!#$%&*/=?^`{|}~-@example.com",
    "1@1.example",
    "ana@bücher.example",
    "ana@xn--bcher-kva.example",
    "用户@例え.テスト",
    `${"a".repeat(64)}@example.com`,
    `a@${"b".repeat(63)}.example`,
  ])("%s has no fault", (address) => {
    expect(emailAddressFault(address)).toBeNull();
  });

  test.each([
    ["", "of the form"],
    ["ana", "of the form"],
    ["@example.com", "of the form"],
    ["ana@", "of the form"],
    ["ana@b@example.com", "of the form"],
    ["ana @example.com", "spaces"],
    [" ana@example.com", "spaces"],
    ["ana@example.com\r\nBcc: eve@evil.test", "spaces or control"],
    ["ana\0@example.com", "control"],
    ["ana@exam\u200bple.com", "control"],
    [".ana@example.com", "before the @"],
    ["ana.@example.com", "before the @"],
    ["a..b@example.com", "before the @"],
    ['"ana"@example.com', "before the @"],
    ["<ana@example.com>", "before the @"],
    ["a,b@example.com", "before the @"],
    ["a(b)@example.com", "before the @"],
    [`${"a".repeat(65)}@example.com`, "longer than 64 bytes"],
    [`${"ñ".repeat(33)}@example.com`, "longer than 64 bytes"],
    [`a@${"b.".repeat(125)}com`, "longer than 254 bytes"],
    ["ana@localhost", "not a domain"],
    ["ana@example..com", "not a domain"],
    ["ana@.example.com", "not a domain"],
    ["ana@example.com.", "not a domain"],
    ["ana@-example.com", "not a domain"],
    ["ana@example-.com", "not a domain"],
    ["ana@exam_ple.com", "not a domain"],
    ["ana@ex%61mple.com", "not a domain"],
    ["ana@[127.0.0.1]", "not a domain"],
    ["ana@127.0.0.1", "not a domain"],
    ["ana@0x7f.1", "not a domain"],
    ["ana@xn--a.example", "not a domain"],
    [`ana@${"b".repeat(64)}.example`, "not a domain"],
  ])("%j is refused with a reason", (address, why) => {
    expect(emailAddressFault(address)).toContain(why);
  });

  test("with a character that SMTP or a header gives a meaning to is refused wherever it stands", () => {
    const meaning = fc.constantFrom(...'\r\n\0\t <>,;:()[]"\\@');
    fc.assert(
      fc.property(fc.nat({ max: 15 }), meaning, (at, character) => {
        const address = "ana@example.com";
        expect(emailAddressFault(address.slice(0, at) + character + address.slice(at))).not.toBeNull();
      }),
    );
  });
});

describe("a mailbox to send from", () => {
  test.each([
    ["shop@example.com", { name: "", address: "shop@example.com" }],
    ["The Shop <shop@example.com>", { name: "The Shop", address: "shop@example.com" }],
    ['"Shop, The" <shop@example.com>', { name: "Shop, The", address: "shop@example.com" }],
  ])("%s is read", (text, mailbox) => {
    expect(parseMailbox(text)).toEqual(mailbox);
  });

  test.each(["", "Shop", "a@example.com, b@example.com", "Shops: a@example.com;", "Shop <shop>"])(
    "%j is not one",
    (text) => {
      expect(parseMailbox(text)).toBeNull();
    },
  );
});
