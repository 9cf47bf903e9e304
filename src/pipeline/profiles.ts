import { getUsers } from "../../db/queries/users.ts";
import type { Profile } from "../channels/channel.ts";
import type { Cache, Database } from "../ports.ts";
import { bareProfile } from "./plan.ts";
import { iso } from "./time.ts";

export interface UserRef {
  projectId: string;
  userId: string;
}

/** A profile as it is cached. */
export interface KnownProfile {
  profile: Profile;
  /** When it was last changed, in milliseconds since the epoch. */
  changedAt: number;
}

interface Needs {
  cache: Cache;
  db: Database;
  /** How long a profile is remembered. */
  cachePreferencesTtlSeconds: number;
}

export const profileKeyOf = ({ projectId, userId }: UserRef) => `user:${projectId}:${userId}`;
const projectIdLength = 36;
const refOf = (key: string): UserRef => {
  const rest = key.slice("user:".length);
  return { projectId: rest.slice(0, projectIdLength), userId: rest.slice(projectIdLength + 1) };
};

/**
 * One profile a reference, in order, by one multi-get and at most one query; users nobody described are bare.
 * Where a reference says since when its profile is at least as it is (`profileAt`), an older one that is
 * still cached, here or in a cache that heard of the change too late, is fetched anew.
 */
export async function loadProfiles(
  needs: Needs,
  refs: (UserRef & { profileAt?: number | null })[],
): Promise<Profile[]> {
  const keys = refs.map(profileKeyOf);
  const known = await fromCache(needs, [...new Set(keys)]);
  const stale = new Set<string>();
  refs.forEach(({ profileAt }, index) => {
    const key = keys[index] as string;
    if (profileAt != null && (known.get(key)?.changedAt ?? 0) < profileAt) stale.add(key);
  });
  if (stale.size > 0) {
    await needs.cache.delete([...stale]);
    for (const [key, profile] of await fromCache(needs, [...stale])) known.set(key, profile);
  }
  return refs.map(({ userId }, index) => known.get(keys[index] as string)?.profile ?? bareProfile(userId));
}

/** What the cache is warmed up with. */
export const profileEntry = ({ db, cachePreferencesTtlSeconds }: Omit<Needs, "cache">, ref: UserRef) => ({
  key: profileKeyOf(ref),
  ttlSeconds: cachePreferencesTtlSeconds,
  fetch: async () => (await fetchProfiles(db, [profileKeyOf(ref)]))[0] ?? null,
});

async function fromCache(
  { cache, db, cachePreferencesTtlSeconds }: Needs,
  keys: string[],
): Promise<Map<string, KnownProfile | null>> {
  const found = await cache.mGetOrSet(
    keys,
    (missing) => fetchProfiles(db, missing),
    cachePreferencesTtlSeconds,
  );
  return new Map(keys.map((key, index) => [key, found[index] ?? null]));
}

async function fetchProfiles(db: Database, keys: string[]): Promise<(KnownProfile | null)[]> {
  const refs = keys.map(refOf);
  const rows = await getUsers(db.orm, {
    projectIds: refs.map(({ projectId }) => projectId),
    ids: refs.map(({ userId }) => userId),
  });
  const found = new Map(
    rows.map(({ project_id, webhook_url, changed_at, ...rest }) => [
      profileKeyOf({ projectId: project_id, userId: rest.id }),
      { profile: { ...rest, webhookUrl: webhook_url }, changedAt: changed_at },
    ]),
  );
  return keys.map((key) => found.get(key) ?? null);
}

/** To be called after each change of a profile was committed. */
export function forgetProfiles({ cache }: { cache: Cache }, refs: UserRef[]): Promise<void> {
  return cache.delete(refs.map(profileKeyOf));
}

/** Profiles as the columns that the users' statements take. */
export function profileColumns(entries: { projectId: string; profile: Profile }[], nowMs: number) {
  return {
    projectIds: entries.map(({ projectId }) => projectId),
    ids: entries.map(({ profile }) => profile.id),
    emails: entries.map(({ profile }) => profile.email),
    phones: entries.map(({ profile }) => profile.phone),
    webhookUrls: entries.map(({ profile }) => profile.webhookUrl),
    names: entries.map(({ profile }) => profile.name),
    locales: entries.map(({ profile }) => profile.locale),
    timezones: entries.map(({ profile }) => profile.timezone),
    now: iso(nowMs),
  };
}
