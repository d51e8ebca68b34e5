import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { askUntil } from "../../../test/ask-until.ts";
import { amount } from "../../../test/depth.ts";
import { compilePrograms } from "../../../test/programs.ts";
import { findUndone, insertTasks, ONLINE_SET, STEP_NAMES, undo } from "./online-migration.ts";
import type { OnlineMessage } from "./online-process.ts";
import { migrate } from "./public-schema.ts";
import { connect, withMigratedDatabase } from "./scratch-database.ts";

const NOWHERE = -1;
/** Several batches. */
const TASKS = 2_000;

const compile = () => compilePrograms({ online: "packages/dao-core/test/online-process.ts" });
type Program = Awaited<ReturnType<typeof compile>>;

async function start(program: Program, url: string, stop?: number): Promise<ChildProcess> {
  const child = fork(program.file("online"), [url], { execArgv: [] });
  await once(child, "message");
  if (stop !== undefined) child.send(stop);
  return child;
}

const answerOf = async (child: ChildProcess) =>
  ((await once(child, "message")) as [Exclude<OnlineMessage, "ready">])[0];

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

test(
  "a process that is killed (SIGKILL) at any statement leaves what the next run finishes",
  { timeout: 600_000 },
  () =>
    withMigratedDatabase(async ({ url, sql, driver }) => {
      await insertTasks(sql, TASKS);
      await using program = await compile();
      const whole = await answerOf(await start(program, url, NOWHERE));
      if (!("statements" in whole)) throw new Error(JSON.stringify(whole));
      expect(whole.online).toEqual(STEP_NAMES);
      expect(await findUndone(sql)).toEqual([]);
      // From the first statement that changes something.
      const first = whole.statements.findIndex((text) => text.startsWith("ALTER TABLE"));
      const kills = amount(14, whole.statements.length - first);
      for (let index = 0; index < kills; index++) {
        const stop = first + Math.floor((index * (whole.statements.length - first)) / kills);
        await undo(sql);
        const child = await start(program, url, stop);
        const { at } = { at: "", ...(await answerOf(child)) };
        await kill(child);
        await migrate(driver({ poolSize: 1 }), {}, ONLINE_SET);
        expect({ stop, at, undone: await findUndone(sql) }).toEqual({ stop, at, undone: [] });
      }
    }),
);

test("an index whose process was killed is finished by the server, and not built twice", () =>
  withMigratedDatabase(async ({ url, sql, driver }) => {
    await insertTasks(sql, TASKS);
    await using program = await compile();
    const other = connect(url);
    await other.unsafe("begin isolation level repeatable read");
    await other.unsafe("select 1 from users");
    const child = await start(program, url, NOWHERE);
    const builds = () =>
      sql.unsafe(`select pid from pg_stat_activity where datname = current_database() and state = 'active'
        and query like 'CREATE INDEX CONCURRENTLY%'`);
    await askUntil(builds, ({ length }) => length > 0, { limit: 20_000, pause: 10 });
    await kill(child);
    const [{ oid } = { oid: "" }] = await sql.unsafe("select 'tasks_note_idx'::regclass::oid as oid");
    const next = migrate(driver(), {}, ONLINE_SET);
    await askUntil(
      () => sql`select from pg_locks where not granted and mode = 'ShareUpdateExclusiveLock'
        and database = (select oid from pg_database where datname = current_database())`,
      ({ length }) => length > 0,
      { limit: 20_000, pause: 10 },
    );
    await other.end({ timeout: 0 });
    expect((await next).online).toEqual(STEP_NAMES.slice(1));
    expect(await findUndone(sql)).toEqual([]);
    expect(await sql.unsafe("select 'tasks_note_idx'::regclass::oid as oid")).toEqual([{ oid }]);
  }));

test("8 processes at once: all succeed, and each step is done once", { timeout: 120_000 }, () =>
  withMigratedDatabase(async ({ url, sql }) => {
    await insertTasks(sql, TASKS);
    await using program = await compile();
    const processes = await Promise.all(Array.from({ length: 8 }, () => start(program, url)));
    try {
      const answers = processes.map(answerOf);
      for (const child of processes) child.send(NOWHERE);
      const online = (await Promise.all(answers)).map((answer) => ("online" in answer ? answer.online : answer));
      expect(online.flat().toSorted()).toEqual(STEP_NAMES);
    } finally {
      for (const child of processes) child.kill("SIGKILL");
    }
    expect(await findUndone(sql)).toEqual([]);
  }),
);
