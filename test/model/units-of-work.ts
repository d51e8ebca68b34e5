import { createDaoServices, DaoUnitOfWork, type Database, isDaoError } from "@flux/dao-core";
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

  constructor(database: Database) {
    this.#database = database;
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
