import { getUsers } from "../../db/queries/users.ts";
import type { Profile } from "../channels/channel.ts";
import type { Cache, Database } from "../ports.ts";
import { bareProfile } from "./plan.ts";
import { iso } from "./time.ts";

/** How long a profile is remembered; a change through this process is seen at once. */
const profileTtlSeconds = 3600;

export interface UserRef {
  projectId: string;
  userId: string;
}

const keyOf = ({ projectId, userId }: UserRef) => `user:${projectId}:${userId}`;
const projectIdLength = 36;
const refOf = (key: string): UserRef => {
  const rest = key.slice("user:".length);
  return { projectId: rest.slice(0, projectIdLength), userId: rest.slice(projectIdLength + 1) };
};

/** One profile a reference, in order, by one multi-get and at most one query; users nobody described are bare. */
export async function loadProfiles(
  { cache, db }: { cache: Cache; db: Database },
  refs: UserRef[],
): Promise<Profile[]> {
  const keys = [...new Set(refs.map(keyOf))];
  const profiles = await cache.mGetOrSet(keys, (missing) => fetchProfiles(db, missing), profileTtlSeconds);
  const byKey = new Map(keys.map((key, index) => [key, profiles[index]]));
  return refs.map((ref) => byKey.get(keyOf(ref)) ?? bareProfile(ref.userId));
}

async function fetchProfiles(db: Database, keys: string[]): Promise<(Profile | null)[]> {
  const refs = keys.map(refOf);
  const rows = await getUsers(db.orm, {
    projectIds: refs.map(({ projectId }) => projectId),
    ids: refs.map(({ userId }) => userId),
  });
  const found = new Map(
    rows.map(({ project_id, webhook_url, ...rest }) => [
      keyOf({ projectId: project_id, userId: rest.id }),
      { ...rest, webhookUrl: webhook_url },
    ]),
  );
  return keys.map((key) => found.get(key) ?? null);
}

/** To be called after each change of a profile was committed. */
export function forgetProfiles({ cache }: { cache: Cache }, refs: UserRef[]): Promise<void> {
  return cache.delete(refs.map(keyOf));
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
