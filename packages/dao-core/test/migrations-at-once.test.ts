import { once } from "node:events";
import { expect, test } from "vitest";
import type { StopPoint } from "./migrate-process.ts";
import { compileMigrateProgram, startMigrateProgram } from "./migrate-program.ts";
import { ALL_NAMES } from "./migration-versions.ts";
import { readSchemaCatalog } from "./schema-catalog.ts";
import { withScratchDatabase } from "./scratch-database.ts";

const PROCESSES = 50;
const nowhere: StopPoint = { statement: -1, waits: false };

test(`${PROCESSES} processes at once: one applies, all succeed`, { timeout: 120_000 }, () =>
  withScratchDatabase(async (database) => {
    await using program = await compileMigrateProgram();
    const processes = Array.from({ length: PROCESSES }, () => startMigrateProgram(program, database.url));
    const ends = processes.map(async (child) => (await once(child, "exit"))[0]);
    try {
      // All of them connect first, so that none starts after another one has finished.
      await Promise.all(processes.map((child) => once(child, "message")));
      const answers = processes.map(async (child) => (await once(child, "message"))[0]);
      for (const child of processes) child.send(nowhere);
      const applied = (await Promise.all(answers)).map((answer) => answer.applied ?? answer);
      expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([ALL_NAMES, ...Array(PROCESSES - 1).fill([])]);
      expect(await Promise.all(ends)).toEqual(Array(PROCESSES).fill(0));
    } finally {
      for (const child of processes) child.kill("SIGKILL");
    }
    const journal = await database.sql.unsafe("select name from flux_dao_migrations order by version");
    expect(journal.map(({ name }) => name)).toEqual(ALL_NAMES);
    const catalog = await readSchemaCatalog(database.sql);
    expect(new Set(catalog).size).toBe(catalog.length);
    const locks =
      "select pid from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    await expect.poll(() => database.sql.unsafe(locks)).toHaveLength(0);
  }),
);
