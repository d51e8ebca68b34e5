import { setTimeout } from "node:timers/promises";
import { createDaoServices, isDaoError, versionOf } from "@flux/dao-core";
import { createDaoClient } from "@flux/dao-http/client";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { untilBlocked } from "../blocked-sessions.ts";
import { amount } from "../depth.ts";
import { type Answer, expectProblem, expectStatus } from "./answer.ts";
import { createGoal, createUser, type UserRow } from "./rows.ts";
import { KEYS, useRestServer } from "./server.ts";

const server = useRestServer();
const { call } = server;

const etagOf = ({ headers }: Answer) => headers.get("etag") ?? expect.fail("The row has no ETag.");

describe("concurrent writers of one counter lose no update", { timeout: 120_000 }, () => {
  const WRITERS = amount(20, 100);
  const counterOf = ({ preferences }: Pick<UserRow, "preferences">) => Number(preferences["counter"]);
  const writers = (count: number, write: () => Promise<void>) => Promise.all(Array.from({ length: count }, write));
  const newCounter = () => createUser(call, { preferences: { counter: 0, kept: true } });

  /** Retries until a write succeeds; returns the number of conflicts. Backs off after a conflict, as writers should. */
  async function untilWritten(write: () => Promise<boolean>): Promise<number> {
    for (let lost = 0; ; lost++) {
      if (await write()) return lost;
      await setTimeout(Math.random() * Math.min(1_000, 20 * 2 ** lost));
    }
  }

  test("over HTTP: GET, then PATCH with If-Match, again on 412", async () => {
    const { id } = await newCounter();
    const path = `/api/v1/users/${id}`;
    let lost = 0;
    await writers(WRITERS, async () => {
      lost += await untilWritten(async () => {
        const read = await call<UserRow>("GET", path);
        const preferences = { ...read.body.preferences, counter: counterOf(read.body) + 1 };
        const answer = await call("PATCH", path, { body: { preferences }, headers: { "If-Match": etagOf(read) } });
        if (answer.status !== 200) expectProblem(answer, 412);
        return answer.status === 200;
      });
    });
    const { preferences } = expectStatus(await call<UserRow>("GET", path), 200);
    expect(preferences).toEqual({ counter: WRITERS, kept: true });
    expect(lost, "writers met").toBeGreaterThan(0);
  });

  test.each([
    ["in-process", WRITERS],
    ["through the client", WRITERS],
  ])("%s: ifVersion of versionOf, %d writers", async (where, count) => {
    const { id } = await newCounter();
    const { users } =
      where === "in-process"
        ? createDaoServices(server.database)
        : createDaoClient({ baseUrl: server.baseUrl, serviceKey: KEYS.observer });
    let lost = 0;
    await writers(count, async () => {
      lost += await untilWritten(async () => {
        const user = await users.getUser(id);
        const preferences = { ...user.preferences, counter: counterOf(user) + 1 };
        try {
          await users.updateUser(id, { preferences }, { ifVersion: versionOf(user) });
          return true;
        } catch (error) {
          if (isDaoError(error) && error.code === "version_mismatch") return false;
          throw error;
        }
      });
    });
    expect((await users.getUser(id)).preferences).toEqual({ counter: count, kept: true });
    expect(lost, "writers met").toBeGreaterThan(0);
  });

  test("a write by a client that ignores versions is detected: by SQL, bypassing the service", async () => {
    const goal = await createGoal(call, await newCounter());
    const path = `/api/v1/users/${goal.user_id}`;
    const read = await call<UserRow>("GET", path);
    const sql = postgres(server.databaseUrl, { max: 1 });
    try {
      await sql`update users set preferences = jsonb_set(preferences, '{counter}', '1') where id = ${goal.user_id}`;
      const body = { preferences: { counter: counterOf(read.body) + 1 } };
      expectProblem(await call("PATCH", path, { body, headers: { "If-Match": etagOf(read) } }), 412);
      const { users } = createDaoServices(server.database);
      const ifVersion = etagOf(read).slice(1, -1);
      await expect(users.updateUser(goal.user_id, body, { ifVersion })).rejects.toMatchObject({
        code: "version_mismatch",
      });
      expect((await users.getUser(goal.user_id)).preferences).toEqual({ counter: 1, kept: true });
      // It waits for a writer that has not committed yet, and then sees that writer's change.
      const { headers } = await call("GET", path);
      const conditional = { body, headers: { "If-Match": headers.get("etag") ?? "" } };
      let answer: Promise<Answer> | undefined;
      await sql.begin(async (tx) => {
        await tx`update users set preferences = jsonb_set(preferences, '{counter}', '2') where id = ${goal.user_id}`;
        answer = call("PATCH", path, conditional);
        await untilBlocked(tx);
      });
      expectProblem((await answer) as Answer, 412);
      expect((await users.getUser(goal.user_id)).preferences).toEqual({ counter: 2, kept: true });
    } finally {
      await sql.end();
    }
  });
});
