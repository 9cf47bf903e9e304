/** Every way a recipient can be wrong, each with its own clear error. */
import { test } from "bun:test";
import { aNotification, expectFaults, httpForAll } from "./service.ts";

const service = httpForAll();

const send = (to: unknown) => service.call("POST /v1/notifications", { body: aNotification({ to }) });
const sendTo = (profile: Record<string, unknown>) => send({ user_id: "user_1", ...profile });

test.each(["", " ", "a b", ".", "..", "x".repeat(129), "zoë", "a\nb"])("the user id %j", async (to) =>
  expectFaults(await send(to), { "#/to": /printable ASCII/ }),
);

test.each([
  "",
  "ana",
  "ana@",
  "@example.com",
  "ana@localhost",
  "a b@example.com",
  "ana@example.com, bob@example.com",
  "Ana <ana@example.com>",
])("the email %j", async (email) => expectFaults(await sendTo({ email }), { "#/to/email": /^The / }));

test.each(["ana@example.com\r\nBcc: eve@example.com", "ana\r@example.com", "ana@example.com\n"])(
  "an email that would add a header: %j",
  async (email) => expectFaults(await sendTo({ email }), { "#/to/email": /control characters/ }),
);

test.each(["Ana\r\nBcc: eve@example.com", "Ana\n", "A\u2028na", "A\u0085na", ""])(
  "the name %j",
  async (name) => expectFaults(await sendTo({ name }), { "#/to/name": /one line|empty/ }),
);

test.each(["351912345678", "+0123456789", "+351 912 345 678", "+٣٥١٩١٢٣٤٥٦٧٨"])(
  "the phone %j",
  async (phone) => expectFaults(await sendTo({ phone }), { "#/to/phone": /E\.164/ }),
);

test.each(["Europe/Atlantis", "+01:00", "", "Lisbon", "../etc/passwd"])(
  "the time zone %j",
  async (timezone) => expectFaults(await sendTo({ timezone }), { "#/to/timezone": /IANA/ }),
);

test.each(["", "p", "pt_PT", "english please", "*"])("the locale %j", async (locale) =>
  expectFaults(await sendTo({ locale }), { "#/to/locale": /BCP 47/ }),
);

test.each([
  "",
  "example.com/hook",
  "ftp://example.com",
  "javascript:alert(1)",
  "http://",
  "https://ana:secret@example.com",
  "https://example.com:0/",
  "https://example.com/\n",
])("the webhook URL %j", async (webhook_url) =>
  expectFaults(await sendTo({ webhook_url }), { "#/to/webhook_url": /^The URL/ }),
);

test.each([
  "http://localhost/",
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f.0.0.1/",
  "http://0177.0.0.1/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[64:ff9b::10.0.0.1]/",
  "http://0.0.0.0/",
  "http://10.0.0.1/",
  "http://172.16.0.1/",
  "http://192.168.1.1:8080/",
  "http://169.254.169.254/latest/meta-data",
  "http://100.64.0.1/",
  "http://[fd00::1]/",
  "http://[fe80::1]/",
  "http://metadata.internal/",
  "http://printer.local/",
  "http://LOCALHOST./",
  "http://ⓛocalhost/",
  "http://１２７.0.0.1/",
  "http://intranet/",
])("the webhook URL %s, which is private", async (webhook_url) => {
  expectFaults(await sendTo({ webhook_url }), { "#/to/webhook_url": /not on the public Internet/ });
  expectFaults(await service.call("PUT /v1/users/user_1", { body: { webhook_url } }), {
    "#/webhook_url": /not on the public Internet/,
  });
});
