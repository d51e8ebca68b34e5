import { setTimeout as delay } from "node:timers/promises";
import { createDaoServices, DaoUnitOfWork, type Database, runOnce } from "@flux/dao-core";
import { makeUserData } from "@flux/dao-core/testing";
import type postgres from "postgres";
import { MarkedWrites } from "../faults/marked-writes.ts";
import { describeError } from "../faults/observers.ts";
import { outcomeOf } from "../faults/outcome.ts";
import type { Tally } from "../faults/tally.ts";

const WRITERS_OF_A_KIND = 3;
const MILESTONES = 3;
/** Milliseconds until every writer can write again; more than is allowed. */
const PATIENCE = 30_000;
/** Milliseconds that a writer pauses after an error, as callers do. */
const PAUSE_AFTER_ERROR = 20;

/** One of the kinds of writes: a goal with a unique title, and perhaps milestones. */
interface Kind {
  readonly writes: MarkedWrites;
  readonly milestones: number;
  readonly unit: "statement" | "transaction";
  /** Whether a writer repeats a write until it is acknowledged. */
  readonly repeats: boolean;
  write(title: string): Promise<unknown>;
}

/** Writers that go on through a failover, on one database that is never opened again. */
export class Load {
  readonly #tally: Tally;
  readonly #kinds: readonly Kind[];
  readonly #running: readonly Promise<void>[];
  /** When each writer got its acknowledgements, by `performance.now()`. */
  readonly #acknowledgedAt: readonly number[][];
  #isStopping = false;

  private constructor(database: Database, userId: string, tally: Tally) {
    this.#tally = tally;
    const { goals } = createDaoServices(database);
    const withMilestones = async (uow: DaoUnitOfWork, title: string) => {
      const goal = await uow.goals.create({ userId, title });
      for (let week = 1; week <= MILESTONES; week++) {
        await uow.milestones.create({ goalId: goal.id, weekNumber: week, title });
      }
      return goal.id;
    };
    const kind = (milestones: number, unit: Kind["unit"], repeats: boolean, write: Kind["write"]): Kind => ({
      writes: new MarkedWrites(),
      milestones,
      unit,
      repeats,
      write,
    });
    this.#kinds = [
      kind(0, "statement", false, (title) => goals.createGoal({ userId, title })),
      kind(MILESTONES, "transaction", false, (title) =>
        DaoUnitOfWork.run(database, (uow) => withMilestones(uow, title)),
      ),
      kind(MILESTONES, "transaction", true, (key) => runOnce(database, { key }, (uow) => withMilestones(uow, key))),
    ];
    const writers = this.#kinds.flatMap((each) => Array.from({ length: WRITERS_OF_A_KIND }, () => each));
    this.#acknowledgedAt = writers.map(() => []);
    this.#running = writers.map((each, index) => this.#write(each, this.#acknowledgedAt[index] ?? []));
  }

  static async start(database: Database, tally: Tally): Promise<Load> {
    const user = await createDaoServices(database).users.createUser(makeUserData());
    return new Load(database, user.id, tally);
  }

  /** Resolves with the moments at which the first and the last writer had a write acknowledged after `time`. */
  async backAfter(time: number): Promise<readonly [first: number, last: number]> {
    for (const end = performance.now() + PATIENCE; performance.now() < end; await delay(5)) {
      const firsts = this.#acknowledgedAt.map((moments) => moments.find((at) => at > time));
      const known = firsts.filter((at) => at !== undefined);
      if (known.length === firsts.length) return [Math.min(...known), Math.max(...known)];
    }
    throw new Error(`Within ${PATIENCE} ms not every writer could write again.`);
  }

  /** Lets each writer finish its write. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** Compares the rows with what the writers were told. */
  async audit(sql: postgres.Sql): Promise<void> {
    for (const { writes, milestones } of this.#kinds) {
      const rows = await sql<{ mark: string; times: number; isWhole: boolean }[]>`
        select title as mark, count(*)::int as times, bool_and(${milestones} = (
          select count(*) from milestones where goal_id = goals.id)) as "isWhole"
        from goals where starts_with(title, ${writes.prefix}) group by title`;
      writes.compare(rows, this.#tally);
    }
  }

  async #write({ writes, unit, repeats, write }: Kind, acknowledgedAt: number[]): Promise<void> {
    while (!this.#isStopping) {
      const title = writes.newMark();
      for (let isDone = false; !isDone; ) {
        try {
          await write(title);
          acknowledgedAt.push(performance.now());
          this.#tally.acknowledged++;
          writes.settled(title, "acknowledged");
          isDone = true;
        } catch (error) {
          const outcome = outcomeOf(error, unit);
          if (outcome === undefined) this.#tally.violate("foreign error", describeError(error));
          else if (outcome !== "acknowledged") this.#tally[outcome]++;
          isDone = outcome === undefined || !repeats;
          if (isDone && outcome !== undefined) writes.settled(title, outcome);
          await delay(PAUSE_AFTER_ERROR);
        }
      }
    }
  }
}
