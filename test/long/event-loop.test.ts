import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { Child } from "../../bench/processes/child.ts";
import { compilePrograms, type Programs } from "../programs.ts";
import { type LargeInput, largestInputs, type NamedRows } from "../security/largest-inputs.ts";
import type { LoopCommands } from "../security/loop-time.ts";

/**
 * Milliseconds of CPU time for which no request may block the event loop: some 50, and as much again for JSON.parse of 1 MiB of
 * names or objects, with a margin for a slow machine.
 */
const LONGEST_TURN = 200;
/** The shortest of several runs counts: a garbage collection may fall into any. */
const ATTEMPTS = 3;

const KEY = "a-key-of-the-event-loop-test";

let programs: Programs<"cli" | "loopTime">;
let database: TestDatabase;
let service: Child<LoopCommands>;
let baseUrl: string;
let rows: NamedRows;

beforeAll(async () => {
  programs = await compilePrograms({ cli: "packages/dao-http/src/cli.ts", loopTime: "test/security/loop-time.ts" });
  database = await createTestDatabase({ serverUrl: inject("adminUrl") });
  baseUrl = await startService();
  const user = await create("users", { name: "x", email: "x@example.com" });
  const goal = await create("goals", { user_id: user, title: "x" });
  const task = await create("tasks", { user_id: user, goal_id: goal, title: "x" });
  rows = { user, goal, task, conversation: await create("conversations", { user_id: user }) };
}, 120_000);

afterAll(async () => {
  await service.stop();
  await database.drop();
  await programs[Symbol.asyncDispose]();
});

function startService(): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const output: string[] = [];
    service = new Child<LoopCommands>(programs.file("cli"), {
      args: ["serve"],
      env: { DATABASE_URL: database.url, PORT: "0", SERVICE_API_KEYS: JSON.stringify({ test: KEY }) },
      nodeArgs: ["--import", programs.file("loopTime")],
      onErrorLine: (line) => {
        output.push(line);
        const url = /\bat (http:\S+:\d+)/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      },
    });
    service.ended.then((how) => reject(new Error(`The service ended (${how}): ${output.join("\n")}`)));
  });
}

async function create(entity: string, body: object): Promise<string> {
  return JSON.parse((await send({ path: `/api/v1/${entity}/`, body: JSON.stringify(body) })).text).id;
}

async function send({ path, method = "POST", headers, body }: LargeInput): Promise<{ status: number; text: string }> {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { "X-Flux-Service-Key": KEY, "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, text: await response.text() };
}

describe("no input blocks the event loop for long", () => {
  test.each(Object.entries(largestInputs))("%s", { timeout: 120_000 }, async (_, input) => {
    const turns: number[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const sent = input(rows);
      await service.ask("start", undefined);
      const { status, text } = await send(sent);
      turns.push(await service.ask("longest", undefined));
      expect([413, 408], text).not.toContain(status);
      expect(status, text).toBeLessThan(500);
    }
    expect(Math.min(...turns)).toBeLessThan(LONGEST_TURN);
  });
});
