import { SchemaVersionError } from "../contract/errors.ts";
import type { SchemaDifference } from "./schema-differences.ts";

/** How many differences, and how many pieces of advice, a sentence has. */
const MAX_NAMED = 5;
const MAX_ADVICE = 3;

/** Says how the schema differs, and what to do about it. */
export function schemaDifferenceError(differences: readonly SchemaDifference[], version: number): SchemaVersionError {
  const named = differences.slice(0, MAX_NAMED).map(({ what }) => what);
  if (differences.length > MAX_NAMED) named.push(`and ${differences.length - MAX_NAMED} more`);
  return new SchemaVersionError(
    `The schema is at version ${version}, which this code needs, but it cannot be used as it is: ${named.join("; ")}. ` +
      adviceFor(differences),
  );
}

/** What to do, in sentences: by hand what must be, by `migrate()` what can be. */
export function adviceFor(differences: readonly SchemaDifference[]): string {
  const byHand = [...new Set(differences.flatMap(({ advice }) => advice ?? []))].slice(0, MAX_ADVICE);
  const isRepairable = differences.some(({ repair }) => repair !== undefined);
  return [...byHand, ...(isRepairable ? ["Run migrate(), which puts right what can be."] : [])].join(" ");
}
