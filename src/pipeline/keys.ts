import { randomBytes } from "node:crypto";
import { newId } from "../../db/id.ts";
import { anyKey, ensureProject, findKeyByHash, insertKey, type KeyRow } from "../../db/queries/keys.ts";
import type { Cache, Clock, Database } from "../ports.ts";

export type KeyKind = "live" | "test";

export interface NewKey {
  project: string;
  name: string;
  kind: KeyKind;
  scopes: string[];
}

export interface CreatedKey extends NewKey {
  id: string;
  /** Shown this once: only its hash is kept. */
  secret: string;
  hint: string;
}

export const defaultProject = "default";
const secretBytes = 24;

/** What is stored of a key: SHA-256 in hex. Enough, since a made key's 192 random bits cannot be guessed. */
export const hashOf = (secret: string): string => Bun.SHA256.hash(secret, "hex");

const hintOf = (secret: string) => secret.slice(-4);

/** A key that was revoked outlives it no longer than this where the word of it was lost on its way to a process. */
const keyTtlMaxSeconds = 60;

/** How long a key is remembered, in seconds. */
export const keyTtlSeconds = ({ cacheTtlSeconds }: Pick<KeyNeeds, "cacheTtlSeconds">) =>
  Math.min(cacheTtlSeconds, keyTtlMaxSeconds);

const cacheKeyOf = (hash: string) => `key:${hash}`;

interface KeyNeeds {
  db: Database;
  cacheTtlSeconds: number;
}

/** How a key is cached: it, or null where there is none. One that is revoked is forgotten at once, in every process. */
export const keyEntry = (needs: KeyNeeds, hash: string) => ({
  key: cacheKeyOf(hash),
  ttlSeconds: keyTtlSeconds(needs),
  fetch: async (): Promise<KeyRow | null> => (await findKeyByHash(needs.db.orm, { hash }))[0] ?? null,
});

/** Does its work when there is room for it. */
export type Bound = <Result>(work: () => Promise<Result>) => Promise<Result>;

/**
 * The key of this hash; null where there is none.
 *
 * @param bound of how many the database is asked at the same time: anybody can make up keys that no cache knows
 */
export function findKey(
  needs: KeyNeeds & { cache: Cache },
  hash: string,
  bound: Bound,
): Promise<KeyRow | null> {
  const { key, fetch, ttlSeconds } = keyEntry(needs, hash);
  return needs.cache.getOrSet(key, () => bound(fetch), ttlSeconds);
}

export const forgetKey = ({ cache }: { cache: Cache }, hash: string): Promise<void> =>
  cache.delete([cacheKeyOf(hash)]);

/** Makes a key, and its project if that is new. */
export async function createKey(
  { db, clock }: { db: Database; clock: Clock },
  key: NewKey,
): Promise<CreatedKey> {
  const secret = `crl_${key.kind}_${randomBytes(secretBytes).toString("base64url")}`;
  const id = await storeKey({ db, clock }, key, secret);
  if (id === null) throw new Error("two random keys were equal");
  return { ...key, id, secret, hint: hintOf(secret) };
}

async function storeKey(
  { db, clock }: { db: Database; clock: Clock },
  { project, name, kind, scopes }: NewKey,
  secret: string,
): Promise<string | null> {
  const nowMs = clock.now();
  const [owner] = await ensureProject(db.orm, { id: newId(nowMs), name: project, kind });
  if (owner === undefined) throw new Error("the project of a key was not stored");
  const [stored] = await insertKey(db.orm, {
    id: newId(nowMs),
    projectId: owner.id,
    name,
    scopes,
    hash: hashOf(secret),
    hint: hintOf(secret),
  });
  return stored?.id ?? null;
}

const adminKey = (name: string): NewKey => ({
  project: defaultProject,
  name,
  kind: "live",
  scopes: ["admin"],
});

/**
 * Sees to it that somebody can use the API: with ADMIN_KEY that one, else a key made at the first start,
 * which is given to be shown once.
 */
export async function ensureAdminKey(
  needs: { db: Database; clock: Clock },
  given: string | null,
): Promise<CreatedKey | null> {
  if (given !== null) {
    await storeKey(needs, adminKey("ADMIN_KEY"), given);
    return null;
  }
  const [known] = await anyKey(needs.db.orm, {});
  return known?.exists ? null : createKey(needs, adminKey("first start"));
}
