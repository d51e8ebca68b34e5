import { UnitOfWorkMisuseError } from "../../contract/errors.ts";
import { databaseErrorFacts } from "../postgres-errors.ts";

/** Why a level of a transaction accepts no statement, or is not committed; each error says what to do instead. */

export function endedMisuse(): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "This unit of work has ended. Use the session, or begin another; await all work before the callback returns.",
  );
}

export function outerEndedMisuse(): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "The outer unit of work ended while this nested one was open, so it was rolled back. Await every nested one, also where " +
      "another of them fails: Promise.allSettled does.",
  );
}

export function nestedOpenMisuse(): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "A nested unit of work is open. Use the inner one until it ends; run two nested ones one after the other.",
  );
}

export function forgottenMisuse(): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "The callback returned before all its statements were done, so everything was rolled back. Await every promise.",
  );
}

/** The error of a statement in a transaction that the caller declared read-only, where a write is the caller's mistake. */
export function readOnlyMisuse(error: unknown): unknown {
  if (databaseErrorFacts(error)?.code !== "25006") return error;
  return new UnitOfWorkMisuseError("This unit of work is read-only. Leave out readOnly to write.", { cause: error });
}

export function swallowedMisuse(cause: unknown): UnitOfWorkMisuseError {
  return new UnitOfWorkMisuseError(
    "A statement failed and its error was caught inside the unit of work, so everything was rolled back. " +
      "Put what may fail into a nested unit of work.",
    { cause },
  );
}
