import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import type { Moment } from "./killed-server.ts";
import { killAtEach } from "./kills.ts";
import { compileServer, type ServerProgram } from "./server-process.ts";

const seed = Math.floor(Math.random() * 2 ** 31);

describe(`the server is killed, and the request retried with its key (seed ${seed})`, () => {
  let program: ServerProgram;
  let database: TestDatabase;
  beforeAll(async () => {
    program = await compileServer();
    database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  });
  afterAll(async () => {
    await database?.drop();
    await program?.[Symbol.asyncDispose]();
  });

  test("10 kills between commit and response, and some at two other moments: one goal each", async () => {
    const others: Moment[] = ["before the work", "before the commit"];
    const moments = [...others, ...Array.from({ length: 10 }, (): Moment => "after the commit")];
    const tally = await killAtEach(moments, new Random(seed), { program, databaseUrl: database.url });
    expect(tally.problems, String(tally)).toEqual([]);
  });
});
