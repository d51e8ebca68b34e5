import { createTestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { expect, inject, test } from "vitest";
import { findUndone, insertTasks } from "../../packages/dao-core/test/online-migration.ts";
import { useCli } from "../rest/cli-process.ts";
import { compileNextVersion } from "./next-version.ts";
import { useCommand } from "./run-command.ts";

const compileNext = () => compileNextVersion(["0003_task_notes"]);
const older = { serve: useCli(), run: useCommand() };
const newer = { serve: useCli(compileNext), run: useCommand(compileNext) };
const newest = { run: useCommand(() => compileNextVersion(["0003_task_notes", "0004_incompatible"])) };

const headers = { "X-Flux-Service-Key": "scheduler-key-def", "Content-Type": "application/json" };

test("a rolling deploy has no gap: the older version serves while and after the newer one migrates, if that is compatible", async () => {
  const { url, database, drop } = await createTestDatabase({ serverUrl: inject("adminUrl") });
  await database.close();
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  await insertTasks(sql, 1_000);
  const settings = { DATABASE_URL: url };
  const over = new AbortController();
  const failures: unknown[] = [];
  let requests = 0;
  /** Reads, writes and asks whether it is ready, until the end. */
  const use = async (baseUrl: string) => {
    const body = JSON.stringify({
      user_id: "00000000-0000-4000-8000-000000000001",
      goal_id: "00000000-0000-4000-8000-000000000002",
      title: "Run",
    });
    while (!over.signal.aborted) {
      const responses = [
        await fetch(`${baseUrl}/ready`),
        await fetch(`${baseUrl}/api/v1/tasks/`, { method: "POST", headers, body }),
        await fetch(`${baseUrl}/api/v1/tasks/?page_size=5`, { headers }),
      ];
      for (const response of responses) {
        requests++;
        const text = await response.text();
        if (!response.ok) failures.push({ url: response.url, text });
      }
    }
  };
  const uses: Promise<void>[] = [];
  try {
    await using first = older.serve.start(settings);
    const baseUrl = await first.started;
    uses.push(use(baseUrl));
    expect((await newer.run(["migrate", "--check"], settings)).stderr).toMatch(
      /at version 3; this program needs version 4/,
    );
    const skipped = await newer.run(["migrate", "--skip-online"], settings);
    expect(skipped).toMatchObject({
      exit: 0,
      stderr: expect.stringMatching(/now at version 4.*\nLeft to do online: 0003_task_notes, online step 1 of 7;/),
    });
    // The new version serves before its online steps are done, and says that they are left.
    await using second = newer.serve.start(settings);
    uses.push(use(await second.started));
    const check = await newer.run(["migrate", "--check"], settings);
    expect(check).toMatchObject({
      exit: 1,
      stderr: expect.stringMatching(/at version 4, but not all online steps are done/),
    });
    const doctor = await newer.run(["doctor"], settings);
    expect(doctor.exit).toBe(1);
    expect(doctor.stdout + doctor.stderr).toMatch(/needs, but 0003_task_notes, online step 1 of 7.* is not done yet/);
    const plan = await newer.run(["migrate", "--plan"], settings);
    expect(plan.stdout).toMatch(/CREATE INDEX CONCURRENTLY "tasks_note_idx" ON "public"."tasks"/);
    const migrated = await newer.run(["migrate"], settings);
    expect(migrated).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining("Done online: 0003_task_notes, online step 1 of 7;"),
    });
    expect(await findUndone(sql)).toEqual([]);
    for (const args of [["migrate", "--check"], ["doctor"]]) {
      expect(await newer.run(args, settings)).toMatchObject({ exit: 0 });
      expect(await older.run(args, settings)).toMatchObject({ exit: 0 });
    }
    expect((await older.run(["doctor"], settings)).stdout).toContain("version 4, newer than version 3, but compatible");
    expect(await older.run(["migrate"], settings)).toMatchObject({
      exit: 0,
      stderr: expect.stringContaining("Nothing to do: the schema is at version 4."),
    });
    // The older version restarts.
    await using third = older.serve.start(settings);
    uses.push(use(await third.started));
    const enough = requests + 30;
    await expect.poll(() => requests).toBeGreaterThan(enough);
    over.abort();
    await Promise.all(uses);
    expect(failures).toEqual([]);
    // What the older version wrote has the new column.
    expect(await sql`select note, count(*) > 0 as some from tasks group by note`).toEqual([
      { note: "none", some: true },
    ]);

    expect(await newest.run(["migrate"], settings)).toMatchObject({ exit: 0 });
    const ready = await fetch(`${baseUrl}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      detail:
        "The database's schema is at version 5, newer than version 3, which this code needs. Run a release that supports it.",
    });
    expect(await older.run(["migrate"], settings)).toMatchObject({ exit: 1 });
  } finally {
    over.abort();
    await Promise.allSettled(uses);
    await sql.end({ timeout: 0 });
    await drop();
  }
});
