/** A cache may hear of a change too late. What says how fresh it must be is planned with nothing older. */
import { expect, test } from "bun:test";
import { loadProfiles, profileKeyOf } from "../../src/pipeline/profiles.ts";
import { projectOf } from "./rows.ts";
import { createWorld } from "./world.ts";

test("a profile older than the one that came along is fetched anew, and an older notification takes what is cached", async () => {
  await using world = await createWorld();
  const { app, client, clock } = world;
  const needs = { ...app, ...app.config };
  const projectId = await projectOf(world);
  const ana = { projectId, userId: "ana" };
  const changedAt = clock.now();
  await client.call("PUT", "/v1/users/ana", { email: "new@example.test" });
  const profile = { ...(await loadProfiles(needs, [ana]))[0], email: "old@example.test" };
  const late = { profile, changedAt: changedAt - 1 };
  await app.cache.mSet([{ key: profileKeyOf(ana), value: late, ttlSeconds: 60 }]);

  const emailFor = async (profileAt: number | null) =>
    (await loadProfiles(needs, [{ ...ana, profileAt }]))[0]?.email;

  expect(await emailFor(null)).toBe("old@example.test");
  expect(await emailFor(changedAt - 1)).toBe("old@example.test");
  expect(await emailFor(changedAt)).toBe("new@example.test");
  expect(await emailFor(null)).toBe("new@example.test");
});

test("a profile that says nothing new is not written again", async () => {
  await using world = await createWorld();
  const { client, clock } = world;
  const to = { user_id: "ana", email: "ana@example.test" };
  const updatedAt = async () =>
    (await client.call<{ updated_at: string }>("GET", "/v1/users/ana")).data.updated_at;
  await client.send({ to, title: "Hello", body: "It works." });
  const first = await updatedAt();
  clock.step(1000);
  await client.send({ to, title: "Hello", body: "It works." });
  expect(await updatedAt()).toBe(first);
  clock.step(1000);
  await client.send({ to: { ...to, name: "Ana" }, title: "Hello", body: "It works." });
  expect(Date.parse(await updatedAt()) - Date.parse(first)).toBe(2000);
});
