import { expect, test } from "vitest";
import { Random } from "../src/testing/demo-data/random.ts";
import { compileMigrateProgram } from "./migrate-program.ts";
import { BEGINNINGS, type Kill, MigrationKills } from "./migration-kills.ts";
import { withScratchDatabase } from "./scratch-database.ts";

const SEED = 20_260_215;
const KILLS_EACH = 6;

test.for(Object.keys(BEGINNINGS))(
  "a migrator of %s that is killed (SIGKILL) leaves the whole migration or nothing, and the next run finishes",
  { timeout: 60_000 },
  (beginning) =>
    withScratchDatabase(async ({ url, sql }) => {
      await using program = await compileMigrateProgram();
      const kills = new MigrationKills(program, url, sql);
      const random = new Random(SEED);
      const places = (await kills.statementsFrom(beginning)) + 1;
      const done: Kill[] = [];
      for (let index = 0; index < KILLS_EACH; index++) {
        const statement = Math.floor(((index + random.fraction()) / KILLS_EACH) * places);
        done.push(await kills.kill(beginning, statement, random));
      }
      expect(done.filter(({ violations }) => violations.length > 0)).toEqual([]);
      // Otherwise it was not killed in the middle.
      expect(done.filter(({ outcome }) => outcome === "absent").length).toBeGreaterThanOrEqual(KILLS_EACH / 2);
    }),
);
