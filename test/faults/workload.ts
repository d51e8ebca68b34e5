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
  /** A superuser's connection to the same database, made anew after a fault; only used between faults. */
  readonly sql: postgres.Sql;
  readonly workers: number;
  readonly random: Random;
}

/** One thing that a worker does, and whoever remembers what became of it. */
export interface Operation {
  readonly unit: Unit;
  /** Whether it succeeds only where the pool serves. Default `true`. */
  readonly provesService?: boolean;
  run(): Promise<unknown>;
  settled(outcome: Outcome): void;
}

/** What the workers do during one fault, and what must be true after it. */
export interface Shift {
  /** The next thing for this worker; it comes for another when it is done. */
  next(worker: number): Operation;
  /** Compares what the database holds with what the workers were told. */
  audit(sql: postgres.Sql, tally: Tally): Promise<void>;
}

/** One of the matrix's kinds of work. */
export interface Workload {
  readonly name: string;
  readonly database: DatabaseName;
  /** When every call must have settled, in milliseconds. */
  readonly deadline: number;
  /** Within how many milliseconds of a shift's begin a fault should strike, so that it hits the work in the middle. */
  readonly busyFor: number;
  begin(workplace: Workplace): Promise<Shift>;
}
