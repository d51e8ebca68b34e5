import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type postgres from "postgres";
import { askUntil } from "../../../test/ask-until.ts";
import { postgresDriver } from "../src/drivers/postgres/driver.ts";
import { createJournal, journalInsert } from "../src/migrations/journal.ts";
import { embeddedMigrations } from "../src/migrations/migration-set.ts";
import type { Random } from "../src/testing/demo-data/random.ts";
import type { MigrateMessage, StopPoint } from "./migrate-process.ts";
import { type MigrateProgram, startMigrateProgram } from "./migrate-program.ts";
import { postgresLocation } from "./postgres-location.ts";
import { migrate, PUBLIC } from "./public-schema.ts";
import { PYTHON_SERVICE_DDL, REGULAR_ROWS, TABLE_KEYS } from "./python-service-database.ts";
import { readSchemaCatalog } from "./schema-catalog.ts";

const older = embeddedMigrations.migrations.slice(0, -1);

/** The state of the database before a migration. */
export const BEGINNINGS: Readonly<Record<string, string>> = {
  "an empty database": "",
  "a database of the Python service": PYTHON_SERVICE_DDL + REGULAR_ROWS,
  "the version before": [
    createJournal(PUBLIC),
    ...older.flatMap((step) => [...step.statements, ...journalInsert(PUBLIC, step)]),
  ].join("\n"),
};

/** How a migrator was killed, and the result. */
export interface Kill {
  readonly beginning: string;
  /** The statement of its transaction before or during which it was killed; the last one is the commit. */
  readonly statement: number;
  readonly manner: "between statements" | "within a statement";
  readonly outcome: "absent" | "whole";
  /** Milliseconds until the server had closed its session, and until the next run had finished. */
  readonly gone: number;
  readonly finished: number;
  /** Broken promises; empty if there are none. */
  readonly violations: readonly string[];
}

/** Milliseconds within which the server must notice that a client is dead, and the next run must finish. */
const NOTICE_LIMIT = 2_000;
const WAIT_TIMEOUT = 5_000;

/** Kills migrators of one database, one after the other. */
export class MigrationKills {
  readonly #program: MigrateProgram;
  readonly #url: string;
  readonly #sql: postgres.Sql;
  readonly #known = new Map<string, { readonly before: string; readonly after: string; readonly statements: number }>();

  /** @param sql a superuser's connection to the database of `url`, whose schema `public` is recreated for each kill */
  constructor(program: MigrateProgram, url: string, sql: postgres.Sql) {
    this.#program = program;
    this.#url = url;
    this.#sql = sql;
  }

  /** The number of statements in the transaction of a migration from there, without its commit. */
  async statementsFrom(beginning: string): Promise<number> {
    return (await this.#run(beginning)).statements;
  }

  /** Kills a migrator before or during the statement of this number, or the commit that follows the last one. */
  async kill(beginning: string, statement: number, random: Random): Promise<Kill> {
    const { before, after } = await this.#run(beginning);
    const isBetween = random.chance(0.5);
    await this.#begin(beginning);
    const child = await this.#start({ statement, waits: isBetween });
    const exited = once(child, "exit");
    let isAcknowledged = false;
    child.on("message", (message: MigrateMessage) => {
      isAcknowledged ||= typeof message === "object" && "applied" in message;
    });
    await once(child, "message");
    if (!isBetween) await delay(random.below(12));
    child.kill("SIGKILL");
    await exited;
    const killedAt = performance.now();
    const violations: string[] = [];
    if (!(await this.#isGone())) violations.push(`a session was left after ${NOTICE_LIMIT} ms`);
    const gone = performance.now() - killedAt;
    const found = await this.#state();
    if (found !== before && found !== after) violations.push("the schema was incomplete");
    if (isAcknowledged && found !== after) violations.push("the schema was reported and lost");
    violations.push(...(await this.#finish(after)));
    return {
      beginning,
      statement,
      manner: isBetween ? "between statements" : "within a statement",
      outcome: found === before ? "absent" : "whole",
      gone,
      finished: performance.now() - killedAt,
      violations,
    };
  }

  /** The outcome of a run that is not killed. */
  async #run(beginning: string) {
    const known = this.#known.get(beginning);
    if (known !== undefined) return known;
    await this.#begin(beginning);
    const before = await this.#state();
    const child = await this.#start({ statement: -1, waits: false });
    const [message] = (await once(child, "message")) as [MigrateMessage];
    await once(child, "exit");
    if (typeof message === "string" || !("statements" in message)) throw new Error(JSON.stringify(message));
    const run = { before, after: await this.#state(), statements: message.statements };
    if (run.before === run.after) throw new Error("The migration did nothing.");
    this.#known.set(beginning, run);
    return run;
  }

  async #begin(beginning: string): Promise<void> {
    await this.#sql.unsafe(`drop schema public cascade; create schema public; ${BEGINNINGS[beginning]}`);
  }

  async #start(stop: StopPoint): Promise<ChildProcess> {
    const child = startMigrateProgram(this.#program, this.#url);
    await once(child, "message");
    child.send(stop);
    return child;
  }

  /** Whether no other session, and so no lock of one, is left within the limit. */
  async #isGone(): Promise<boolean> {
    const others = () =>
      this.#sql.unsafe(
        `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         and backend_type = 'client backend'
         union all
         select pid from pg_locks where locktype = 'advisory'
         and database = (select oid from pg_database where datname = current_database())`,
      );
    const isNone = ({ length }: { length: number }) => length === 0;
    return isNone(await askUntil(others, isNone, { limit: NOTICE_LIMIT, pause: 0 }));
  }

  /** Runs the migration again, to the end. */
  async #finish(after: string): Promise<string[]> {
    const driver = postgresDriver(postgresLocation(this.#url), { poolSize: 1 });
    try {
      await migrate(driver, { waitTimeout: WAIT_TIMEOUT });
    } catch (error) {
      return [`the next run failed: ${String(error)}`];
    } finally {
      await driver.close(0);
    }
    return (await this.#state()) === after ? [] : ["the next run produced a different schema"];
  }

  /** Everything that a migration creates or changes, as one text: the schema, the journal, the rows. */
  async #state(): Promise<string> {
    const catalog = await readSchemaCatalog(this.#sql);
    const tables = [...Object.keys(TABLE_KEYS), "flux_dao_migrations"];
    const rows = tables
      .filter((table) => catalog.includes(`relation r ${table}`))
      .map(
        // Adopting replaces a missing instant with the current time.
        (table) => `select '${table} ' || (to_jsonb(t) - 'created_at' - 'applied_at')::text as line from ${table} t`,
      );
    const lines =
      rows.length === 0 ? [] : await this.#sql.unsafe<{ line: string }[]>(`${rows.join(" union all ")} order by 1`);
    return [...catalog, ...lines.map(({ line }) => line)].join("\n");
  }
}
