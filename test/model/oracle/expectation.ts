import { isDeepStrictEqual } from "node:util";
import { versionOf } from "@flux/dao-core";
import { toCode } from "../code.ts";
import { type Fields, isFields } from "../known-rows.ts";
import { describeOutcome, type Outcome } from "../outcome.ts";
import type { Broken } from "./input.ts";
import type { Row, State } from "./state.ts";

/** An error that the specification demands, or one of several if it does not define which of two rules comes first. */
export type Refusal =
  | { readonly code: "validation_failed"; readonly broken: Broken }
  | { readonly code: "not_found" | "version_mismatch" }
  | { readonly code: "conflict"; readonly field: string }
  | { readonly code: "related_row_missing"; readonly field: string; readonly id: string };

/** What is wrong with a result, as a sentence; `undefined` if nothing is. */
export type Fault = string | undefined;

/** How a call must end in a certain state: rejected with one of several errors, or with a result. */
export type Expectation =
  | { readonly refusals: readonly Refusal[] }
  /** Checks the result; if it is right, the state then includes the effect of the call. */
  | { readonly accept: (answer: unknown) => Fault };

export const refused = (...refusals: readonly Refusal[]): Expectation => ({ refusals });
export const returned = (accept: (answer: unknown) => Fault): Expectation => ({ accept });

const CLASSES: Readonly<Record<Refusal["code"], string>> = {
  validation_failed: "ValidationError",
  not_found: "NotFoundError",
  version_mismatch: "VersionMismatchError",
  conflict: "ConflictError",
  related_row_missing: "RelatedRowMissingError",
};

export function compare(expectation: Expectation, outcome: Outcome): Fault {
  if ("accept" in expectation) {
    if (outcome.kind === "result") return expectation.accept(outcome.value);
    return `must succeed, but was rejected: ${describeOutcome(outcome)}`;
  }
  const { refusals } = expectation;
  if (outcome.kind === "error" && refusals.some((refusal) => isRefusal(refusal, outcome))) return undefined;
  const wanted = refusals.map((refusal) => toCode({ ...refusal })).join(" or ");
  const actual = `${outcome.kind === "result" ? "returned" : "refused"}: ${describeOutcome(outcome)}`;
  return `must be refused: ${wanted}; it was ${actual}`;
}

function isRefusal(refusal: Refusal, { name, code, field, id, paths }: Outcome & { kind: "error" }): boolean {
  if (code !== refusal.code || name !== CLASSES[refusal.code]) return false;
  switch (refusal.code) {
    case "validation_failed":
      return namesWhatIsBroken(refusal.broken, paths);
    case "conflict":
      return field === refusal.field;
    case "related_row_missing":
      return field === refusal.field && id === refusal.id;
    default:
      return true;
  }
}

/** Every broken field is named and no other is. Within a JSON value the path may continue to the offending part. */
function namesWhatIsBroken({ certain, possible }: Broken, paths: readonly string[]): boolean {
  const isAt = (path: string, field: string) => path === field || path.startsWith(`${field}.`);
  const isBroken = (path: string) => [...certain, ...possible].some((field) => isAt(path, field));
  const isNamed = (field: string) => paths.some((path) => isAt(path, field));
  return paths.length > 0 && paths.every(isBroken) && certain.every(isNamed);
}

export function differs(actual: unknown, expected: unknown): Fault {
  if (isDeepStrictEqual(actual, expected)) return undefined;
  return `must return ${toCode(expected)}, not ${toCode(actual)}`;
}

/** Whether `actual` is the row as last written, with its JSON in the same order. */
export function differsFromRow(state: State, actual: unknown, row: Row): Fault {
  const fault = differs(actual, row.fields);
  if (fault !== undefined || !isFields(actual)) return fault;
  if (row.version === undefined) {
    state.replace(row, actual);
    return undefined;
  }
  const version = versionOf(actual);
  return version === row.version ? undefined : `returns the row ${row.id} with version ${version}, not ${row.version}`;
}

/** A new row must be `expected`, with an id of its own and its creation time. */
export function differsFromNew(actual: unknown, expected: Fields, chosenId: string | undefined): Fault {
  if (!isFields(actual)) return `must return a row, not ${toCode(actual)}`;
  const { id, createdAt } = actual;
  if (chosenId !== undefined && id !== chosenId) return `must have the id ${chosenId}, not ${toCode(id)}`;
  if (chosenId === undefined && !isUuid7(id)) return `must have a UUIDv7 in lower case as its id, not ${toCode(id)}`;
  if (!(createdAt instanceof Date)) return `must say when it was created, not ${toCode(createdAt)}`;
  return differs(actual, { ...expected, id, createdAt });
}

function isUuid7(id: unknown): boolean {
  return typeof id === "string" && /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id);
}
