import type { Database } from "@flux/dao-core";
import type postgres from "postgres";
import type { Random } from "../../packages/dao-core/src/testing/demo-data/random.ts";
import type { DatabaseName } from "./faulty-server.ts";
import type { Outcome, Unit } from "./outcome.ts";
import type { Tally } from "./tally.ts";

/** Where a workload runs. */
interface Workplace {
  /** The pool that the faults hit. */
  readonly database: Database;
  /** A superuser's connection to the same database, reconnected after a fault; only used between faults. */
  readonly sql: postgres.Sql;
  readonly workers: number;
  readonly random: Random;
}

/** One operation of a worker, and a callback for its outcome. */
export interface Operation {
  readonly unit: Unit;
  /** Whether it succeeds only if the pool serves. Default `true`. */
  readonly provesService?: boolean;
  run(): Promise<unknown>;
  settled(outcome: Outcome): void;
}

/** The workers' operations during one fault, and the check after it. */
export interface Shift {
  /** The worker's next operation, requested when the previous one has settled. */
  next(worker: number): Operation;
  /** Compares the rows with the outcomes that the workers saw. */
  audit(sql: postgres.Sql, tally: Tally): Promise<void>;
}

/** One of the matrix's kinds of work. */
export interface Workload {
  readonly name: string;
  readonly database: DatabaseName;
  /** When every call must have settled, in milliseconds. */
  readonly deadline: number;
  /** How many milliseconds after the start of a shift a fault should be injected at the latest, so that it interrupts the work. */
  readonly busyFor: number;
  begin(workplace: Workplace): Promise<Shift>;
}
