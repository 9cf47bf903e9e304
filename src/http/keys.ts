import { z } from "zod";
import { countAdminKeys, listKeys, revokeKey } from "../../db/queries/keys.ts";
import { ClientError } from "../errors.ts";
import { createKey } from "../pipeline/keys.ts";
import { iso } from "../pipeline/time.ts";
import { keyCacheName } from "./auth.ts";
import * as examples from "./examples.ts";
import { operation } from "./operation.ts";
import { idParams, keyInput } from "./schemas.ts";
import { keyView, viewOfKey } from "./views.ts";

const create = operation({
  id: "createKey",
  method: "post",
  path: "/v1/keys",
  tag: "Keys",
  summary: "Make an API key",
  description:
    "Its secret is shown in this answer and never again. A test key walks the whole path and sends nothing; its data and a live key's never meet.",
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
    return { data: rows.map(viewOfKey), next: null, previous: null };
  },
});

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
    const [left] = await countAdminKeys(app.db.orm, { project: caller.project, except: params.id });
    if ((left?.count ?? 0) === 0 && caller.id === params.id) {
      throw new ClientError(
        "last_admin_key",
        "Make another admin key first: without one, nobody could make keys.",
      );
    }
    const [revoked] = await revokeKey(app.db.orm, {
      project: caller.project,
      id: params.id,
      now: iso(app.clock.now()),
    });
    if (revoked === undefined)
      throw new ClientError("key_not_found", `No key ${params.id} belongs to this project.`);
    await app.cache.delete([keyCacheName(revoked.hash)]);
    return { data: { id: revoked.id, revoked: true } };
  },
});

export const keyOperations = [create, list, revoke];
