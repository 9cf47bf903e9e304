import type { App } from "../app.ts";
import { ClientError } from "../errors.ts";
import { type Bound, findKey, hashOf } from "../pipeline/keys.ts";
import type { Caller, Scope } from "./operation.ts";

/** Who calls, if their key may do this. A key that is not cached is looked up within the bound. */
export async function authorise(
  { db, cache, config }: App,
  request: Request,
  { scope, bound }: { scope: Scope; bound: Bound },
): Promise<Caller> {
  const secret = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (secret === undefined) {
    throw unauthenticated("key_missing", 'Send your API key in the header "Authorization: Bearer <key>".');
  }
  const { cacheTtlSeconds } = config;
  const key = await findKey({ db, cache, cacheTtlSeconds }, hashOf(secret), bound);
  if (key === null)
    throw unauthenticated("key_unknown", "Check that the whole key was copied, and for this service.");
  if (key.revoked)
    throw unauthenticated("key_revoked", "Use another key, or make a new one with an admin key.");
  if (!key.scopes.includes(scope) && !key.scopes.includes("admin")) {
    throw new ClientError(
      "scope_missing",
      `This needs the scope "${scope}"; the key "${key.name}" has ${key.scopes.map((one) => `"${one}"`).join(", ")}.`,
    );
  }
  return { ...key, test: key.kind === "test" };
}

/** 401 with the challenge that RFC 9110 §11.6.1 asks for. */
const unauthenticated = (code: "key_missing" | "key_unknown" | "key_revoked", detail: string) =>
  new ClientError(code, detail, { headers: { "www-authenticate": 'Bearer realm="carillon"' } });
