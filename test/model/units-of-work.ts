import { createDaoServices, DaoUnitOfWork, type Database, isDaoError } from "@flux/dao-core";
import type postgres from "postgres";
import { type Call, run } from "./operation.ts";

/** How a unit of work ends while a nested one is running. */
export const ENDINGS = ["fails beside it", "forgets it", "exceeds its deadline"] as const;
export type UnitEnding = (typeof ENDINGS)[number];

/** Milliseconds after which a hanging unit of work is aborted. */
const DEADLINE = 30;

class FailedOnPurpose extends Error {}

/** Units of work that must leave nothing behind, whatever was called in them. */
export class UnitsOfWork {
  readonly #database: Database;
  readonly #others: postgres.Sql | undefined;

  /** @param others another session on the same server, if there is one */
  constructor(database: Database, others?: postgres.Sql) {
    this.#database = database;
    this.#others = others;
  }

  /** Gives a column another type of the same values, unless work that holds the table would wait for this. */
  async alterTable(column: string, type: "text" | "varchar"): Promise<"nothing"> {
    const [table, name] = column.split(".");
    const alter = `set lock_timeout = 50; alter table ${table} alter column ${name} type ${type}`;
    await this.#others?.unsafe(alter).catch(() => undefined);
    return "nothing";
  }

  /**
   * Makes the calls in a nested unit of work: the first before the outer one ends, and all of them again after that, while the
   * next unit of work runs.
   */
  async abandon(ending: UnitEnding, calls: readonly Call[]): Promise<"nothing"> {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let left: Promise<void> = Promise.resolve();
    const whole = DaoUnitOfWork.run(
      this.#database,
      (uow) =>
        new Promise<void>((resolve, reject) => {
          left = DaoUnitOfWork.run(uow, async (nested) => {
            const services = createDaoServices(nested);
            const [first] = calls;
            if (first !== undefined) await run(services, first);
            if (ending === "forgets it") resolve();
            if (ending === "fails beside it") reject(new FailedOnPurpose());
            await ended;
            for (const call of calls) await run(services, call);
          });
          left.catch(reject);
        }),
      ending === "exceeds its deadline" ? { timeout: DEADLINE } : {},
    );
    const error = await whole.then(
      () => new Error("it was committed"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof FailedOnPurpose || isDaoError(error))) throw error;
    await DaoUnitOfWork.run(this.#database, async ({ users }) => {
      end();
      await left.catch(() => undefined);
      await users.list({ limit: 1 });
    });
    return "nothing";
  }
}
