import { sql } from "drizzle-orm";
import { statement } from "../statement.ts";

const p = sql.placeholder;

export interface KeyRow {
  id: string;
  project_id: string;
  project: string;
  kind: "live" | "test";
  name: string;
  scopes: string[];
  hint: string;
  revoked: boolean;
}

const keyColumns = sql.raw(`k.id, k.project_id, pr.name as project, pr.kind, k.name, k.scopes, k.hint,
  k.revoked_at is not null as revoked`);

/** The project of a name and kind, made if need be. */
export const ensureProject = statement<{ id: string; name: string; kind: string }, { id: string }>(
  "ensureProject",
  sql`
    insert into projects (id, name, kind) values (${p("id")}, ${p("name")}, ${p("kind")})
    on conflict (name, kind) do update set name = excluded.name
    returning id`,
);

/** Gives nothing where a key of this hash exists already. */
export const insertKey = statement<
  { id: string; projectId: string; name: string; scopes: string[]; hash: string; hint: string },
  { id: string }
>(
  "insertKey",
  sql`
    insert into keys (id, project_id, name, scopes, hash, hint)
    values (${p("id")}, ${p("projectId")}, ${p("name")}, ${p("scopes")}::text[], ${p("hash")}, ${p("hint")})
    on conflict (hash) do nothing returning id`,
);

export const findKeyByHash = statement<{ hash: string }, KeyRow>(
  "findKeyByHash",
  sql`select ${keyColumns} from keys k join projects pr on pr.id = k.project_id where k.hash = ${p("hash")}`,
);

/** The hashes of keys that may be used, the newest first. */
export const usableKeys = statement<{ limit: number }, { hash: string }>(
  "usableKeys",
  sql`select hash from keys where revoked_at is null order by id desc limit ${p("limit")}::int`,
);

/** The keys of a project, live and test, newest first; revoked ones stay listed. */
export const listKeys = statement<{ project: string }, KeyRow>(
  "listKeys",
  sql`
    select ${keyColumns} from keys k join projects pr on pr.id = k.project_id
    where pr.name = ${p("project")} order by k.id desc`,
);

/** Holds a project: of two requests that revoke each other's key, the second one sees what the first did. */
export const lockProject = statement<{ project: string }>(
  "lockProject",
  sql`select from projects where name = ${p("project")} order by id for update`,
);

/** Revoking again changes nothing. Gives the key with its hash. */
export const revokeKey = statement<
  { project: string; id: string; now: string },
  { id: string; hash: string }
>(
  "revokeKey",
  sql`
    update keys k set revoked_at = coalesce(k.revoked_at, ${p("now")}::timestamptz)
    from projects pr
    where pr.id = k.project_id and pr.name = ${p("project")} and k.id = ${p("id")}
    returning k.id, k.hash`,
);

/** How many keys can administrate a project. */
export const countAdminKeys = statement<{ project: string; except: string }, { count: number }>(
  "countAdminKeys",
  sql`
    select count(*)::int as count from keys k join projects pr on pr.id = k.project_id
    where pr.name = ${p("project")} and pr.kind = 'live' and 'admin' = any(k.scopes) and k.revoked_at is null
      and k.id <> ${p("except")}`,
);

/** Whether anyone could use this database's API. */
export const anyKey = statement<Record<string, never>, { exists: boolean }>(
  "anyKey",
  sql`select exists (select from keys where revoked_at is null and 'admin' = any(scopes)) as "exists"`,
);
