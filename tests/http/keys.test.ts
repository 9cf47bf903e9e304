/** Who may do what: keys, their scopes, projects, and test keys that send nothing. */
import { describe, expect, test } from "bun:test";
import { operationsOf } from "../../src/http/server.ts";
import { eventually } from "../eventually.ts";
import { stacks } from "../stacks.ts";
import { aNotification, expectFaults, expectProblem, httpForAll } from "./service.ts";

describe.each(stacks)("on %s,", (stack) => {
  const service = httpForAll({}, stack);

  const list = (key: string | null) => service.call("GET /v1/notifications", { key });

  const sentWith = async (key: string, changes: Record<string, unknown> = {}) =>
    (await service.call("POST /v1/notifications", { key, body: aNotification(changes) })).data.id as string;

  const settled = (id: string, key: string) =>
    eventually(async () => {
      const { data } = await service.call(`GET /v1/notifications/${id}`, { key });
      return !["pending", "processing"].includes(data.status) && data;
    });

  describe("a key", () => {
    test("is needed for every call of the API, whatever else is wrong with the request", async () => {
      for (const { method, path } of operationsOf({ dev: true })) {
        const address = path.replaceAll(/\{\w+\}/g, "x") as `/${string}`;
        const answer = await service.call(`${method.toUpperCase()} ${address}`, { key: null });
        expectProblem(answer, "key_missing", /Authorization: Bearer/);
        expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
      }
    });

    test.each(["Basic YTpi", "Bearer", "Bearer a b", "Token abc"])(
      "is not given by %j",
      async (authorization) =>
        expectProblem(
          await service.call("GET /v1/notifications", { key: null, headers: { authorization } }),
          "key_missing",
        ),
    );

    test("that is wrong is not known", async () => {
      const wrong = `${service.adminKey.slice(0, -1)}${service.adminKey.endsWith("x") ? "y" : "x"}`;
      for (const key of [wrong, "crl_live_x", service.adminKey.toUpperCase()]) {
        expectProblem(await list(key), "key_unknown", /whole key/);
      }
    });

    test("may do what its scopes say, and says what it lacks", async () => {
      const [send, read] = [
        await service.makeKey({ scopes: ["send"] }),
        await service.makeKey({ scopes: ["read"] }),
      ];
      expectProblem(await list(send), "scope_missing", /"read".*has "send"/);
      expect((await list(read)).status).toBe(200);
      const body = aNotification();
      expectProblem(
        await service.call("POST /v1/notifications", { key: read, body }),
        "scope_missing",
        /"send"/,
      );
      expect((await service.call("POST /v1/notifications", { key: send, body })).status).toBe(202);
      for (const key of [send, read]) {
        expectProblem(await service.call("GET /v1/keys", { key }), "scope_missing", /"admin"/);
        expectProblem(await service.call("DELETE /v1/users/ana", { key }), "scope_missing", /"admin"/);
      }
    });

    test("sees nothing of another project, and does nothing to it", async () => {
      const other = await service.makeKey({ project: "other" });
      const id = await sentWith(service.adminKey, { to: { user_id: "ana", name: "Ana" } });
      await settled(id, service.adminKey);
      expectProblem(
        await service.call(`GET /v1/notifications/${id}`, { key: other }),
        "notification_not_found",
      );
      expectProblem(
        await service.call(`POST /v1/notifications/${id}/cancel`, { key: other }),
        "notification_not_found",
      );
      expectProblem(
        await service.call(`POST /v1/deliveries/${id}-inbox/replay`, { key: other }),
        "delivery_not_found",
      );
      expectProblem(await service.call("GET /v1/users/ana", { key: other }), "user_not_found");
      expectProblem(await service.call("DELETE /v1/users/ana", { key: other }), "user_not_found");
      expectProblem(
        await service.call(`PATCH /v1/users/ana/inbox/${id}`, { key: other, body: { read: true } }),
        "notification_not_found",
      );
      for (const path of [
        "/v1/notifications",
        "/v1/deliveries",
        "/v1/users/ana/notifications",
        "/v1/users/ana/inbox",
        "/v1/sandbox/messages",
      ] as const) {
        expect((await service.call(`GET ${path}`, { key: other })).data).toEqual([]);
      }
      expect((await service.call("GET /v1/users/ana/inbox/count", { key: other })).data.total).toBe(0);
      expect(
        (await service.call("POST /v1/users/ana/inbox/mark-all", { key: other, body: { read: true } })).data,
      ).toEqual({ marked: 0 });
      const ownKeys = await service.call("GET /v1/keys");
      const [ownKey] = ownKeys.data;
      expectProblem(await service.call(`DELETE /v1/keys/${ownKey.id}`, { key: other }), "key_not_found");
    });
  });

  describe("keys by the API", () => {
    const create = (body: unknown, key?: string) =>
      service.call("POST /v1/keys", { body, ...(key ? { key } : {}) });

    test("a key is made, used, listed without its secret, and revoked", async () => {
      const { data: made, status } = await create({ name: "backend", scopes: ["send", "read"] });
      expect(status).toBe(201);
      expect(made.secret).toMatch(/^crl_live_[\w-]{32}$/);
      expect(made.hint).toBe(made.secret.slice(-4));
      expect((await list(made.secret)).status).toBe(200);

      const { data: keys, text } = await service.call("GET /v1/keys");
      expect(keys[0]).toMatchObject({
        id: made.id,
        name: "backend",
        scopes: ["send", "read"],
        revoked: false,
      });
      expect(text).not.toContain(made.secret);

      expect((await service.call(`DELETE /v1/keys/${made.id}`)).data).toEqual({ id: made.id, revoked: true });
      expectProblem(await list(made.secret), "key_revoked", /another key/);
      expect((await service.call(`DELETE /v1/keys/${made.id}`)).status).toBe(200);
      const after = (await service.call("GET /v1/keys")).data.find(
        ({ id }: { id: string }) => id === made.id,
      );
      expect(after.revoked).toBe(true);
    });

    test("what a key cannot be made with", async () => {
      expectFaults(await create({ name: "", scopes: [] }), { "#/name": /empty/, "#/scopes": /at least 1/ });
      expectFaults(await create({ name: "a", scopes: ["root"], kind: "prod" }), {
        "#/scopes/0": /one of "admin", "send", "read"/,
        "#/kind": /one of "live", "test"/,
      });
    });

    test("the last admin key cannot be revoked, by itself or by another", async () => {
      const project = "lonely";
      const admin = await service.makeKey({ project });
      const other = await service.makeKey({ project });
      const keys = (await service.call("GET /v1/keys", { key: admin })).data as {
        id: string;
        hint: string;
      }[];
      const idOf = (secret: string) => keys.find(({ hint }) => secret.endsWith(hint))?.id;

      // Each revokes the other's: one of them has to stay.
      const answers = await Promise.all([
        service.call(`DELETE /v1/keys/${idOf(other)}`, { key: admin }),
        service.call(`DELETE /v1/keys/${idOf(admin)}`, { key: other }),
      ]);
      const refused = answers.filter(({ status }) => status !== 200);
      expect(refused).toHaveLength(1);
      // The one that came second was the last, or was revoked already as it came.
      expect(["last_admin_key", "key_revoked"]).toContain(refused[0]?.problem.code ?? "none");
      const [left, leftKey] = answers[0].status === 200 ? [idOf(admin), admin] : [idOf(other), other];
      expectProblem(
        await service.call(`DELETE /v1/keys/${left}`, { key: leftKey }),
        "last_admin_key",
        /another admin key first/,
      );
    });
  });

  describe("a test key", () => {
    test("walks the whole path and sends nothing", async () => {
      const key = await service.makeKey({ kind: "test" });
      const before = (await service.call("GET /v1/sandbox/messages")).data.length;
      const to = { user_id: "tess", email: "tess@example.com", webhook_url: "https://example.com/hook" };
      const sent = await settled(await sentWith(key, { to }), key);

      expect(sent.status).toBe("sent");
      const answers = sent.deliveries.map(
        ({
          channel,
          status,
          attempts,
        }: {
          channel: string;
          status: string;
          attempts: { answer: string }[];
        }) => [channel, status, attempts[0]?.answer],
      );
      expect(answers).toEqual([
        ["email", "sent", "test key: nothing was sent"],
        ["inbox", "sent", "stored in the inbox"],
        ["webhook", "sent", "test key: nothing was sent"],
      ]);
      expect((await service.call("GET /v1/sandbox/messages")).data.length).toBe(before);
      expect((await service.call("GET /v1/users/tess/inbox", { key })).data).toHaveLength(1);
    });

    test("and a live one of the same project never meet", async () => {
      const key = await service.makeKey({ kind: "test" });
      const live = await sentWith(service.adminKey, { to: { user_id: "lea", name: "Live" } });
      const tested = await sentWith(key, { to: { user_id: "lea", name: "Tested" } });
      for (const [id, stranger] of [
        [live, key],
        [tested, service.adminKey],
      ] as const) {
        expectProblem(
          await service.call(`GET /v1/notifications/${id}`, { key: stranger }),
          "notification_not_found",
        );
      }
      expect((await service.call("GET /v1/users/lea", { key })).data.name).toBe("Tested");
      expect((await service.call("GET /v1/users/lea")).data.name).toBe("Live");
      const seen = (await service.call("GET /v1/users/lea/notifications", { key })).data;
      expect(seen.map(({ id }: { id: string }) => id)).toEqual([tested]);
    });

    test("sees, makes and revokes test keys alone, even as an admin", async () => {
      const key = await service.makeKey({ kind: "test" });
      const kinds = (await service.call("GET /v1/keys", { key })).data.map(
        ({ kind }: { kind: string }) => kind,
      );
      expect(new Set(kinds)).toEqual(new Set(["test"]));
      const body = { name: "climber", scopes: ["admin"] };
      expectProblem(await service.call("POST /v1/keys", { key, body }), "scope_missing", /test keys alone/);
      const made = await service.call("POST /v1/keys", { key, body: { ...body, kind: "test" } });
      expect(made.data.secret).toMatch(/^crl_test_/);
      const live = (await service.call("GET /v1/keys")).data.find(
        ({ kind }: { kind: string }) => kind === "live",
      );
      expectProblem(await service.call(`DELETE /v1/keys/${live.id}`, { key }), "key_not_found");
      expect((await service.call(`DELETE /v1/keys/${made.data.id}`)).status).toBe(200);
    });
  });
});
