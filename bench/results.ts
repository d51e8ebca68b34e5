import type { ProcessFigures } from "./cluster/compare-processes.ts";
import type { Cell } from "./comparison.ts";
import type { HttpResult } from "./http/run.ts";
import type { Machine } from "./machine.ts";
import type { LoadedMemory } from "./start/loaded-memory.ts";
import type { LongAnswers } from "./start/long-answers.ts";
import type { StartFigures } from "./start/start-figures.ts";

/** All results of a run; this is what is recorded. */
export interface Results {
  readonly machine: Machine;
  /** Of the competing libraries, by package. */
  readonly versions: Readonly<Record<string, string>>;
  /** Contenders that could not be measured, with the reason. */
  readonly leftOut: Readonly<Record<string, string>>;
  readonly tasks: number;
  readonly importRows: number;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly slowSliceMs: number;
  /** Duration of the whole run. */
  readonly seconds: number;
  readonly structureStatements: Readonly<Record<string, number>>;
  readonly inProcess: readonly Cell[];
  readonly http: HttpResult;
  readonly start: StartFigures;
  /** Of whole runs only. */
  readonly loaded?: LoadedMemory;
  /** Of whole runs only. */
  readonly longAnswers?: LongAnswers;
  /** The figures, or the reason why they could not be measured. Of whole runs only. */
  readonly processes?: readonly ProcessFigures[] | string;
}
