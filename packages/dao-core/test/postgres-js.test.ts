import { connect, type Socket } from "node:net";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { processOf } from "../src/drivers/postgres/client.ts";
import {
  isResendError,
  isSent,
  refusalOf,
  resultOf,
  sendAtOnce,
  sentOnce,
  wasPrepared,
} from "../src/drivers/postgres/prepared-statements.ts";

/**
 * The behaviour of postgres.js that the driver relies on, and that it guards against (docs/decisions.md). If a test fails
 * with a new version of postgres.js, review the guard before the range of the dependency is widened.
 */
let testDatabase: TestDatabase;
let admin: postgres.Sql;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
  admin = postgres(testDatabase.url, { max: 1 });
  await admin.unsafe(
    "create table numbers (id int primary key, value int); insert into numbers select n, n from generate_series(1, 50) n",
  );
});
afterAll(async () => {
  await admin.end();
  await testDatabase.drop();
});

const options = { max: 1, fetch_types: false } as const;
const prepared = { prepare: true, simple: false };
const unprepared = { prepare: false, simple: false };
const byId = "select * from numbers where id = $1";

describe("postgres.js", () => {
  test("reads the parameters with forEach once for each time that it sends a statement", async () => {
    const sql = postgres(testDatabase.url, options);
    let reads = 0;
    class Counted extends Array<number> {
      override forEach(use: (value: number, index: number, all: number[]) => void): void {
        reads++;
        super.forEach(use);
      }
    }
    const run = () => {
      const parameters = new Counted(1);
      parameters[0] = 1;
      return sql.unsafe(byId, parameters, prepared);
    };
    await run();
    await run();
    expect(reads).toBe(2);
    await admin.unsafe("alter table numbers alter column value type bigint");
    await run();
    // Sent, rejected, and sent again.
    expect(reads).toBe(4);
    await sql.end();
  });

  test("rejects a query that sentOnce prevents from being sent again with the server's error, and returns those pipelined after it", async () => {
    const sql = postgres(testDatabase.url, options);
    const run = (id: number) => sql.unsafe(byId, sentOnce([id]), prepared);
    await run(1);
    await sql.unsafe("select $1::int as id", sentOnce([1]), prepared);
    await admin.unsafe("alter table numbers alter column value type int");
    const refused = run(1).execute();
    const behind = [2, 3].map((id) => sql.unsafe("select $1::int as id", sentOnce([id]), prepared).execute());
    await refused.then(
      () => expect.unreachable("the plan is stale"),
      (error: unknown) => expect(isResendError(error)).toBe(true),
    );
    expect(refusalOf(refused)).toMatchObject({ code: "0A000", routine: "RevalidateCachedQuery" });
    expect((await Promise.all(behind)).flat()).toEqual([{ id: 2 }, { id: 3 }]);
    await sql.end({ timeout: 0 });
  });

  test("sends an unprepared statement in one write with sendAtOnce, and pipelines others after it; in two writes without", async () => {
    const { hostname, port } = new URL(testDatabase.url);
    let writes = 0;
    const open = () =>
      new Promise<Socket>((resolve) => {
        const socket = connect({ host: hostname, port: Number(port) }, () => resolve(socket));
        const { write } = socket;
        const counted = (...values: unknown[]): boolean => {
          writes++;
          return Reflect.apply(write, socket, values);
        };
        Object.assign(socket, { write: counted });
      });
    const sql = postgres(testDatabase.url, { ...options, prepare: false, ...{ socket: open } });
    await sql.unsafe("select 1");
    const run = (id: number, isAtOnce: boolean) => {
      const query = sql.unsafe("select $1::int as id, $2 as text, $3::bool as is", [id, "t", true], unprepared);
      if (isAtOnce) sendAtOnce(query);
      return query;
    };
    const row = (id: number) => [{ id, text: "t", is: true }];
    writes = 0;
    expect(await run(1, false)).toEqual(row(1));
    expect(writes).toBe(2);
    writes = 0;
    expect(await run(2, true)).toEqual(row(2));
    expect(writes).toBe(1);
    writes = 0;
    expect(await Promise.all([3, 4, 5].map((id) => run(id, true)))).toEqual([3, 4, 5].map(row));
    expect(writes).toBe(1);
    await expect(sql.unsafe("select $1::int / 0 as id", [1], unprepared)).rejects.toMatchObject({
      code: "22012",
    });
    const failing = sql.unsafe("select $1::int / 0 as id", [1], unprepared);
    sendAtOnce(failing);
    const behind = run(6, true);
    await expect(failing).rejects.toMatchObject({ code: "22012" });
    expect(await behind).toEqual(row(6));
    await sql.end();
  });

  test("sets a query's state when it sends it, and withdraws one that it has not sent", async () => {
    const sql = postgres(testDatabase.url, options);
    // The first of its kind is described first, which delays those after it.
    const first = sql.unsafe("select pg_sleep($1)", [0.01], prepared).execute();
    const second = sql.unsafe(byId, [2], prepared).execute();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(isSent(second)).toBe(false);
    second.cancel();
    await expect(second).rejects.toMatchObject({ code: "57014" });
    await first;
    expect(isSent(first)).toBe(true);
    await sql.end();
  });

  test("sends a query at once, and only once, with resultOf", async () => {
    const sql = postgres(testDatabase.url, options);
    await sql.unsafe(byId, [1], prepared);
    const query = sql.unsafe(byId, [2], prepared).values();
    const rows = resultOf(query);
    expect(isSent(query)).toBe(true);
    expect(await rows).toEqual([[2, 2]]);
    expect(await query).toEqual([[2, 2]]);
    await expect(resultOf(sql.unsafe("select $1::int / 0", [1], prepared))).rejects.toMatchObject({ code: "22012" });
    await sql.end();
  });

  test("marks a query whose statement the server had prepared before", async () => {
    const sql = postgres(testDatabase.url, options);
    const run = async (text: string) => {
      const query = sql.unsafe(text, [1], prepared);
      await query.catch(() => undefined);
      return wasPrepared(query);
    };
    expect([await run(byId), await run(byId)]).toEqual([false, true]);
    const misfit = "select * from numbers where id = $1::jsonb";
    expect(await Promise.all([run(misfit), run(misfit)])).toEqual([false, false]);
    await sql.end();
  });

  test("reports in a result which server process responded", async () => {
    const sql = postgres(testDatabase.url, options);
    const one = await sql.unsafe("select pg_backend_pid() as pid").simple();
    expect(processOf(one)?.pid).toBe(one[0]?.["pid"]);
    const several = await sql.unsafe("set lock_timeout = 1; set statement_timeout = 0; select 1; select 2").simple();
    expect(processOf(several)).toEqual(processOf(one));
    await sql.end();
  });

  test("takes every socket from the socket option, including those for reconnecting", async () => {
    const { hostname, port } = new URL(testDatabase.url);
    const sockets: Socket[] = [];
    const custom = {
      ...options,
      ssl: false,
      socket: async () => {
        if (sockets.length > 0) throw new Error("no second one");
        const socket = connect(Number(port), hostname);
        sockets.push(socket);
        return new Promise<Socket>((resolve) => socket.once("connect", () => resolve(socket)));
      },
    };
    const sql = postgres(testDatabase.url, custom);
    await sql.unsafe("select 1");
    sockets[0]?.destroy();
    await expect(sql.unsafe("select 1")).rejects.toThrow();
    await expect(sql.unsafe("select 1")).rejects.toThrow("no second one");
    await sql.end({ timeout: 0 });
  });
});
