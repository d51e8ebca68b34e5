import type { Machine } from "../machine.ts";
import type { EstimateResult } from "./estimates.ts";
import type { ExportResult } from "./export.ts";
import type { Flatness } from "./flatness.ts";
import type { ImportResult } from "./import.ts";

/** All results of a run; this is what is recorded. A part that was not selected is absent. */
export interface FullResults {
  readonly machine: Machine;
  readonly sharedBuffersMb: number;
  readonly smallTasks: number;
  readonly largeTasks: number;
  readonly flatness?: Flatness;
  readonly estimates?: readonly EstimateResult[];
  readonly export?: ExportResult;
  readonly import?: ImportResult;
}
