import { setTimeout as delay } from "node:timers/promises";
import { createDaoServices, DaoUnitOfWork, type Database, isDaoError, openDatabase } from "@flux/dao-core";
import { makeGoalData, makeUserData } from "@flux/dao-core/testing";
import type { Pool } from "pg";
import postgres from "postgres";
import type { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import { openPool } from "../../packages/dao-core/test/pg-pool.ts";

export interface FeedRunOptions {
  /** Of a database with a change feed. */
  readonly url: string;
  readonly seconds: number;
  /** The run goes on until as many changes are committed, on a slow machine. Default 0. */
  readonly least?: number;
  readonly writers: number;
  readonly random: Random;
  /** Whether to kill a session by SIGKILL now and then, after which the server restarts all. */
  readonly crashServer: boolean;
  /** The database's default isolation level. Default `read committed`. */
  readonly isolation?: string;
}

/** What a run has seen. The first four must be 0. */
export interface FeedRunResult {
  readonly lost: number;
  readonly gaps: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly changes: number;
  readonly transactions: number;
  readonly rolledBack: number;
  readonly killed: number;
  readonly crashes: number;
  readonly problems: readonly string[];
}

/** The changes of one task, in order: `created 0198c5f0-…`. */
type Told = string;

/** A transaction: what it does, and whether it was committed, as far as the writer knows. */
interface Transaction {
  readonly changes: readonly Told[];
  readonly marker: string;
  outcome: "committed" | "rolled back" | "unknown";
}

const READERS = 4;
/** Milliseconds that readers may take to reach the end after the last write. */
const PATIENCE = 60_000;

/**
 * Writers, half of them by this library and half by SQL alone, with transactions held open and rolled back; followers and pollers, whose
 * sessions are killed. Each must be told of every committed change once, without a gap, in the order of its writer.
 */
export async function runFeed(options: FeedRunOptions): Promise<FeedRunResult> {
  const { url, seconds, writers, random, crashServer, least = 0, isolation = "read committed" } = options;
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  // As a crash must not undo what was acknowledged.
  await admin.unsafe(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = on;
    alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = '${isolation}'`);
  const database = await openDatabase(url, { applicationName: "writer", poolSize: writers });
  const pool = openPool(url, writers, { application_name: "writer" });
  const state = { isOver: false, killed: 0, crashes: 0 };
  const problems: string[] = [];
  const { users, goals } = createDaoServices(database);
  const user = await users.createUser(makeUserData());
  const goal = await goals.createGoal(makeGoalData(user.id));
  const places = { userId: user.id, goalId: goal.id };

  const histories = Array.from({ length: writers }, (): Transaction[] => []);
  const kinds = [byLibrary(database), bySql(pool)];
  const writing = histories.map(async (history, index) => {
    const write = kinds[index % kinds.length] as Write;
    while (!state.isOver) {
      const plan = planOf(random);
      history.push(plan.transaction);
      try {
        await write(places, plan);
        plan.transaction.outcome = "committed";
      } catch (error) {
        if (error === ROLLED_BACK) plan.transaction.outcome = "rolled back";
        else await delay(random.below(100));
      }
    }
  });
  const readers = Array.from({ length: READERS }, (_, index) => new Reader(url, random, index % 2 === 0));
  const reading = readers.map((reader) => reader.run());
  const killing = kill(admin, random, state, crashServer);

  const committed = () => histories.map((history) => history.filter(isCommitted).flatMap(({ changes }) => changes));
  await delay(seconds * 1_000);
  while (committed().flat().length < least) await delay(50);
  state.isOver = true;
  await Promise.all([...writing, killing]);
  await settle(url, histories.flat());
  const expected = committed();
  const total = expected.flat().length;
  for (const end = performance.now() + PATIENCE; performance.now() < end; await delay(50)) {
    if (readers.every(({ told }) => told.length >= total)) break;
  }
  for (const reader of readers) reader.stop();
  await Promise.all(reading);
  await Promise.all([database.close(), pool.end(), admin.end({ timeout: 0 })]);

  const counts = readers.map((reader) => reader.judge(expected, problems));
  const sum = (name: "lost" | "gaps" | "twice" | "outOfOrder") => counts.reduce((all, count) => all + count[name], 0);
  return {
    lost: sum("lost"),
    gaps: sum("gaps"),
    twice: sum("twice"),
    outOfOrder: sum("outOfOrder"),
    changes: total,
    transactions: histories.flat().length,
    rolledBack: histories.flat().filter(({ outcome }) => outcome === "rolled back").length,
    killed: state.killed,
    crashes: state.crashes,
    problems,
  };
}

const isCommitted = ({ outcome }: Transaction) => outcome === "committed";

interface Plan {
  readonly transaction: Transaction;
  readonly ids: readonly string[];
  /** Milliseconds that it stays open. */
  readonly pause: number;
  readonly rollsBack: boolean;
}

type Write = (places: { readonly userId: string; readonly goalId: string }, plan: Plan) => Promise<void>;

const ROLLED_BACK = new Error("rolled back on purpose");

/** Creates tasks and updates them, one after the other; most are quick, and some stay open for seconds. */
function planOf(random: Random): Plan {
  const ids = Array.from({ length: 1 + random.below(4) }, () => crypto.randomUUID());
  const pause = random.chance(0.5) ? 0 : random.below(random.chance(0.1) ? 2_000 : 100);
  const changes = ids.flatMap((id) => [`created ${id}`, `updated ${id}`]);
  const transaction: Transaction = { changes, marker: ids[0] ?? "", outcome: "unknown" };
  return { transaction, ids, pause, rollsBack: random.chance(0.15) };
}

function byLibrary(database: Database): Write {
  return ({ userId, goalId }, { ids, pause, rollsBack }) =>
    DaoUnitOfWork.run(database, async (uow) => {
      for (const id of ids) {
        await uow.tasks.create({ userId, goalId, title: "Written" }, { id });
        await delay(pause);
        await uow.tasks.update(id, { title: "Written again" });
      }
      if (rollsBack) throw ROLLED_BACK;
    });
}

/** By `pg`: postgres.js may throw out of any reach when its session is killed within a transaction. */
function bySql(pool: Pool): Write {
  return async ({ userId, goalId }, { ids, pause, rollsBack }) => {
    const client = await pool.connect();
    let failure: Error | undefined;
    try {
      await client.query("begin");
      for (const id of ids) {
        const values = [id, userId, goalId];
        await client.query("insert into tasks (id, user_id, goal_id, title) values ($1, $2, $3, 'Written')", values);
        await delay(pause);
        await client.query("update tasks set title = 'Written again' where id = $1", [id]);
      }
      if (rollsBack) throw ROLLED_BACK;
      await client.query("commit");
    } catch (error) {
      if (error === ROLLED_BACK) await client.query("rollback").catch(() => undefined);
      else failure = Error("lost", { cause: error });
      throw error;
    } finally {
      client.release(failure);
    }
  };
}

/** Finds out which transactions of unknown outcome were committed. */
async function settle(url: string, transactions: readonly Transaction[]): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const unknown = transactions.filter(({ outcome }) => outcome === "unknown");
  // Whatever is still open ends first.
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'writer' and pid <> pg_backend_pid()`;
  const left = () => sql`select from pg_stat_activity where application_name = 'writer'`;
  while ((await left()).length > 0) await delay(20);
  const found = await sql<
    { id: string }[]
  >`select id from tasks where id = any (${unknown.map(({ marker }) => marker)})`;
  const ids = new Set(found.map(({ id }) => id));
  for (const transaction of unknown) transaction.outcome = ids.has(transaction.marker) ? "committed" : "rolled back";
  await sql.end();
}

/** Kills sessions of readers, sometimes of writers, and sometimes one by SIGKILL, for which the server restarts. */
async function kill(
  admin: postgres.Sql,
  random: Random,
  state: { isOver: boolean; killed: number; crashes: number },
  crashServer: boolean,
): Promise<void> {
  while (!state.isOver) {
    await delay(50 + random.below(200));
    try {
      const name = random.chance(0.8) ? "reader" : "writer";
      if (crashServer && random.chance(0.02)) {
        const [victim] = await admin<
          { pid: number }[]
        >`select pid from pg_stat_activity where application_name = ${name} limit 1`;
        if (victim === undefined) continue;
        process.kill(victim.pid, "SIGKILL");
        state.crashes++;
        await delay(1_000);
      } else {
        const rows = await admin`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = ${name} order by state = 'active' desc, random() limit 1`;
        state.killed += rows.length;
      }
    } catch {
      // The server restarts.
    }
  }
}

/** Follows the feed, or polls it with pages of random sizes, and goes on from its last cursor after each failure. */
class Reader {
  readonly told: Told[] = [];
  readonly #positions: number[] = [];
  readonly #url: string;
  readonly #random: Random;
  readonly #follows: boolean;
  readonly #stopped = new AbortController();
  #failure: string | undefined;

  constructor(url: string, random: Random, follows: boolean) {
    this.#url = url;
    this.#random = random;
    this.#follows = follows;
  }

  async run(): Promise<void> {
    await using database = await openDatabase(this.#url, { applicationName: "reader", poolSize: 2, verify: false });
    const { changes } = createDaoServices(database);
    const { signal } = this.#stopped;
    let cursor = "start";
    const take = (change: { entity: string; operation: string; id: string | null; cursor: string }) => {
      cursor = change.cursor;
      this.#positions.push(Number(change.cursor.split("-")[0]));
      if (change.entity === "task") this.told.push(`${change.operation} ${change.id}`);
    };
    while (!signal.aborted) {
      try {
        if (this.#follows) for await (const change of changes.followChanges({ cursor }, { signal })) take(change);
        else {
          const { items } = await changes.listChanges({ cursor, limit: 1 + this.#random.below(300) }, { signal });
          items.forEach(take);
          if (items.length === 0) await delay(10);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isDaoError(error) && error.code === "unavailable") await delay(this.#random.below(50));
        else {
          this.#failure = String(error);
          return;
        }
      }
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  judge(expected: readonly (readonly Told[])[], problems: string[]) {
    if (this.#failure !== undefined) problems.push(`a reader ended: ${this.#failure}`);
    const place = new Map<Told, number>();
    let twice = 0;
    this.told.forEach((told, index) => {
      if (place.has(told)) twice++;
      place.set(told, index);
    });
    const known = new Set(expected.flat());
    const unknown = this.told.filter((told) => !known.has(told)).length;
    if (unknown > 0) problems.push(`${unknown} changes were told that were not committed`);
    const gaps = this.#positions.filter((position, index) => position !== index + 1).length;
    const lost = expected.flat().filter((told) => !place.has(told)).length;
    let outOfOrder = 0;
    for (const history of expected) {
      const places = history.flatMap((told) => place.get(told) ?? []);
      outOfOrder += places.filter((at, index) => index > 0 && at < (places[index - 1] ?? 0)).length;
    }
    return { lost, gaps, twice, outOfOrder };
  }
}
