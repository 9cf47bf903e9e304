/** Of both Terraform modules: how they are written, and that they are nobody's. */
import { expect, test } from "bun:test";
import { format, readModule } from "./terraform.ts";

for (const name of ["cloudflare", "cloudfront"] as const) {
  const { files, variables, locals, resources, data } = await readModule(name);
  const all = Object.values(files).join("\n");

  test(`${name} is formatted as terraform fmt does`, async () => {
    expect(Object.keys(files)).toContain("variables.tf");
    for (const text of Object.values(files)) expect(await format(text)).toBe(text);
  });

  test(`${name} has no account, key or host of anybody, and says what each variable is`, () => {
    for (const text of Object.values(files)) {
      expect(text).not.toMatch(/\b[0-9a-f]{32}\b|\b\d{12}\b|arn:aws:|token\s*=|secret/i);
    }
    for (const { type, description } of Object.values(variables)) {
      expect(type).toBeTruthy();
      expect(description).toBeTruthy();
    }
  });

  test(`${name} names nothing that it does not have, and has nothing that it does not use`, () => {
    const named = (pattern: RegExp) => new Set([...all.matchAll(pattern)].map(([, found = ""]) => found));
    expect(named(/\bvar\.(\w+)/g)).toEqual(new Set(Object.keys(variables)));
    expect(named(/\blocal\.(\w+)/g)).toEqual(new Set(Object.keys(locals)));
    const addresses = (blocks: object) =>
      Object.entries(blocks).flatMap(([type, of]) => Object.keys(of).map((called) => `${type}.${called}`));
    expect(named(/\bdata\.(\w+\.\w+)/g)).toEqual(new Set(addresses(data)));
    const used = named(/(?<!data\.)\b((?:aws|cloudflare)_\w+\.\w+)/g);
    expect([...used].filter((address) => !addresses(resources).includes(address))).toEqual([]);
  });

  test(`${name} asks for no provider settings of its own`, () => {
    expect(all).not.toMatch(/^provider\s/m);
  });
}
