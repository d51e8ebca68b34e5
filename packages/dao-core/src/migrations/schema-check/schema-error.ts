import { SchemaVersionError } from "../../contract/errors.ts";
import type { SchemaDifference } from "./schema-differences.ts";

/** How many differences, and how many pieces of advice, a sentence has. */
const MAX_NAMED = 5;
const MAX_ADVICE = 3;

/** Says how the schema differs, and what to do. */
export function schemaDifferenceError(
  differences: readonly SchemaDifference[],
  version: number,
  advice: string,
): SchemaVersionError {
  return new SchemaVersionError(
    `The schema is at version ${version}, which this code needs, but it cannot be used as it is: ` +
      `${listed(differences)}. ${advice}`,
  );
}

export function listed(differences: readonly SchemaDifference[]): string {
  const named = differences.slice(0, MAX_NAMED).map(({ what }) => what);
  if (differences.length > MAX_NAMED) named.push(`and ${differences.length - MAX_NAMED} more`);
  return named.join("; ");
}

/** What to do about each, in sentences: by hand what must be, by `migrate()` what can be. */
export function adviceFor(differences: readonly SchemaDifference[]): string {
  const byHand = [...new Set(differences.flatMap(({ advice }) => advice ?? []))].slice(0, MAX_ADVICE);
  const isRepairable = differences.some(({ repair }) => repair !== undefined);
  return [...byHand, ...(isRepairable ? ["Run migrate(), which puts right what can be."] : [])].join(" ");
}
