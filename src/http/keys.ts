import { z } from "zod";
import { type KeyRow, listKeys, lockProject, revokeKey } from "../../db/queries/keys.ts";
import { ClientError } from "../errors.ts";
import { createKey, forgetKey } from "../pipeline/keys.ts";
import { iso } from "../pipeline/time.ts";
import * as examples from "./examples.ts";
import { type Caller, operation } from "./operation.ts";
import { idParams, keyInput } from "./schemas.ts";
import { keyView, viewOfKey } from "./views.ts";

const create = operation({
  id: "createKey",
  method: "post",
  path: "/v1/keys",
  tag: "Keys",
  summary: "Make an API key",
  description:
    "Its secret is shown in this answer and never again. What a test key sends walks the whole path and leaves for nobody; its data and a live key's never meet, and it sees and makes test keys alone.",
  scope: "admin",
  body: keyInput,
  status: 201,
  answer: keyView.extend({ secret: z.string() }).meta({ id: "CreatedKey" }),
  examples: {
    body: { name: "backend", scopes: ["send"] },
    answer: { ...examples.key, secret: "crl_live_Zm9yIHlvdXIgZXllcyBvbmx5LCBvbmNl" },
  },
  errors: [],
  async handle({ app, caller, body }) {
    if (caller.test && body.kind === "live") {
      throw new ClientError("scope_missing", "A test key makes test keys alone: use a live admin key.");
    }
    const created = await createKey(app, { ...body, project: caller.project });
    return { data: { ...viewOfKey({ ...created, revoked: false }), secret: created.secret } };
  },
});

const list = operation({
  id: "listKeys",
  method: "get",
  path: "/v1/keys",
  tag: "Keys",
  summary: "List the project's API keys, newest first",
  scope: "admin",
  status: 200,
  answer: z.array(keyView),
  list: true,
  examples: { answer: [examples.key] },
  errors: [],
  async handle({ app, caller }) {
    const rows = await listKeys(app.db.orm, { project: caller.project });
    return { data: rows.filter(visibleTo(caller)).map(viewOfKey), next: null, previous: null };
  },
});

/** A test key never meets what is live; a live one administrates both. */
const visibleTo = (caller: Caller) => (key: KeyRow) => !caller.test || key.kind === "test";

function isLastAdmin(keys: KeyRow[], id: string): boolean {
  const admins = keys.filter(
    ({ kind, scopes, revoked }) => kind === "live" && scopes.includes("admin") && !revoked,
  );
  return admins.length === 1 && admins[0]?.id === id;
}

const revoke = operation({
  id: "revokeKey",
  method: "delete",
  path: "/v1/keys/{id}",
  tag: "Keys",
  summary: "Revoke an API key",
  scope: "admin",
  params: idParams,
  status: 200,
  answer: z.object({ id: z.string(), revoked: z.literal(true) }).meta({ id: "RevokedKey" }),
  examples: { params: { id: examples.key.id }, answer: { id: examples.key.id, revoked: true } },
  errors: ["key_not_found", "last_admin_key"],
  async handle({ app, caller, params }) {
    const { project } = caller;
    const { id } = params;
    const revoked = await app.db.transaction(async (tx) => {
      await lockProject(tx, { project });
      const keys = await listKeys(tx, { project });
      if (!keys.filter(visibleTo(caller)).some((key) => key.id === id)) {
        throw new ClientError("key_not_found", `No key ${id} belongs to this project.`);
      }
      if (isLastAdmin(keys, id)) {
        throw new ClientError(
          "last_admin_key",
          "Make another admin key first: without one, nobody could make keys.",
        );
      }
      const [row] = await revokeKey(tx, { project, id, now: iso(app.clock.now()) });
      if (row === undefined) throw new Error("a key that was listed is gone");
      return row;
    });
    await forgetKey(app, revoked.hash);
    return { data: { id: revoked.id, revoked: true } };
  },
});

export const keyOperations = [create, list, revoke];
