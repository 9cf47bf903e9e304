/** Large answers are sent in fewer bytes to those who take it, and are the same answers. */
import { beforeAll, describe, expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { aNotification, httpForAll } from "./service.ts";

const service = httpForAll();
const notifications = 50;

const decoders: Record<string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array> = {
  zstd: Bun.zstdDecompressSync,
  br: brotliDecompressSync,
  gzip: gunzipSync,
};
const codings = Object.keys(decoders);

/** As it is on the wire. */
async function raw(path: string, headers: Record<string, string>) {
  const response = await fetch(service.url + path, {
    headers: { authorization: `Bearer ${service.adminKey}`, ...headers },
    decompress: false,
  });
  return { headers: response.headers, status: response.status, bytes: await response.bytes() };
}

const plain = async (path: string) =>
  Buffer.from((await raw(path, { "accept-encoding": "identity" })).bytes).toString();

beforeAll(async () => {
  const items = Array.from({ length: notifications }, () => aNotification({ to: "ana" }));
  await service.call("POST /v1/notifications/bulk", { body: { notifications: items } });
});

describe.each(["/v1/users/ana/notifications?limit=50", "/v1/notifications/export", "/openapi.json", "/docs"])(
  "%s",
  (path) => {
    test.each(codings)("is the same in %s, and smaller by half at least", async (coding) => {
      const whole = await plain(path);
      const { headers, bytes } = await raw(path, { "accept-encoding": coding });
      expect(headers.get("content-encoding")).toBe(coding);
      expect(headers.get("vary")).toBe("Accept-Encoding");
      expect(Buffer.from(decoders[coding]?.(new Uint8Array(bytes)) ?? []).toString()).toBe(whole);
      expect(bytes.length).toBeLessThan(whole.length / 2);
    });

    test("is not compressed for who does not ask for it, but caches are told that it depends on that", async () => {
      const { headers } = await raw(path, { "accept-encoding": "identity" });
      expect(headers.get("content-encoding")).toBeNull();
      expect(headers.get("vary")).toBe("Accept-Encoding");
    });
  },
);

test("what is small is sent as it is, and no answer depends on what was asked for then", async () => {
  for (const path of ["/healthz", "/v1/users/ana"]) {
    const { headers } = await raw(path, { "accept-encoding": "gzip, br, zstd" });
    expect(headers.get("content-encoding")).toBeNull();
    expect(headers.get("vary")).toBeNull();
  }
});

test("bytes before and after are counted, and the time that it took", async () => {
  await raw("/v1/users/ana/notifications?limit=50", { "accept-encoding": "gzip" });
  const { text } = await service.call("GET /metrics", { key: null });
  const counted = (direction: string) =>
    Number(
      new RegExp(
        `carillon_http_compression_bytes_total\\{coding="gzip",direction="${direction}"\\} (\\d+)`,
      ).exec(text)?.[1],
    );
  expect(counted("out")).toBeGreaterThan(0);
  expect(counted("in")).toBeGreaterThan(2 * counted("out"));
  expect(text).toContain('carillon_http_compression_seconds_count{coding="gzip"}');
});
