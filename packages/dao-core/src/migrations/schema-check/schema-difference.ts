import { SchemaVersionError } from "../../contract/errors.ts";
import type { MigrationStep } from "./schema-repairs.ts";

/** Something that the code needs and that is not as the migrations made it, or that the role cannot use. */
export interface SchemaDifference {
  /** A clause: `the column tasks.priority is missing`. */
  readonly what: string;
  /** What `migrate()` does about it; `undefined` if it would have to guess about rows or undo a deliberate change. */
  readonly repair?: MigrationStep | undefined;
  /** What to do by hand if there is no repair: a sentence. */
  readonly advice?: string;
  /** Whether everything works without it, if more slowly. */
  readonly isBearable?: boolean;
}

/** How many differences, and how many pieces of advice, a message contains. */
const MAX_NAMED = 5;
const MAX_ADVICE = 3;

/** Reports how the schema differs, and what to do. */
export function schemaDifferenceError(
  differences: readonly SchemaDifference[],
  version: number,
  advice: string,
): SchemaVersionError {
  return new SchemaVersionError(
    `The schema is at version ${version}, which this code needs, but it cannot be used as it is: ` +
      `${listDifferences(differences)}. ${advice}`,
  );
}

export function listDifferences(differences: readonly SchemaDifference[]): string {
  const named = differences.slice(0, MAX_NAMED).map(({ what }) => what);
  if (differences.length > MAX_NAMED) named.push(`and ${differences.length - MAX_NAMED} more`);
  return named.join("; ");
}

/** Returns what to do, in sentences: by hand where necessary, by `migrate()` where possible. */
export function adviceFor(differences: readonly SchemaDifference[]): string {
  const byHand = [...new Set(differences.flatMap(({ advice }) => advice ?? []))].slice(0, MAX_ADVICE);
  const isRepairable = differences.some(({ repair }) => repair !== undefined);
  return [...byHand, ...(isRepairable ? ["Run migrate(), which repairs what can be repaired."] : [])].join(" ");
}
