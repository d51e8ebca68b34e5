import { type Fields, isFields, type Kind } from "../known-rows.ts";
import { ENTITIES } from "./entities.ts";
import {
  differs,
  differsFromNew,
  differsFromRow,
  type Expectation,
  type Refusal,
  refused,
  returned,
} from "./expectation.ts";
import {
  type Broken,
  brokenCreation,
  brokenId,
  brokenUpdate,
  createdFields,
  endsBeforeItStarts,
  isBroken,
  NOTHING,
  updatedFields,
} from "./input.ts";
import type { Row, State } from "./state.ts";

/** Rejects an input that is invalid by itself. Parts of a call may be checked one after the other. */
export function refusedInput(...parts: readonly Broken[]): Expectation | undefined {
  const broken = parts.filter(isBroken);
  if (broken.length === 0) return undefined;
  return refused(...broken.map((part) => ({ code: "validation_failed", broken: part }) as const));
}

const notFound = refused({ code: "not_found" });

export function getRow(state: State, kind: Kind, id: unknown): Expectation {
  const invalid = refusedInput(brokenId(id, kind === "demoFlags" ? "userId" : "id"));
  if (invalid !== undefined) return invalid;
  const row = state.find(kind, id);
  return row === undefined ? notFound : returned((answer) => differsFromRow(state, answer, row));
}

export function createRow(state: State, kind: Kind, input: unknown, options: unknown): Expectation {
  const chosen = chosenId(options);
  const invalid = refusedInput(brokenCreation(kind, input), chosen === undefined ? NOTHING : brokenId(chosen));
  if (invalid !== undefined || !isFields(input)) return invalid ?? notFound;
  const fields = createdFields(kind, input);
  const refusals = [
    ...takenId(state, kind, chosen),
    ...takenValues(state, kind, fields),
    ...missingRows(state, kind, fields),
  ];
  if (refusals.length > 0) return refused(...refusals);
  return returned((answer) => {
    const fault = differsFromNew(answer, fields, chosen?.toLowerCase());
    if (fault !== undefined || !isFields(answer)) return fault;
    if (state.find(kind, answer["id"]) !== undefined) return `has the id of another row: ${String(answer["id"])}`;
    state.beginTransaction();
    state.create(kind, answer);
    return undefined;
  });
}

/** The client-supplied id of a new row. */
export function chosenId(options: unknown): string | undefined {
  const id = isFields(options) ? options["id"] : undefined;
  return id === undefined ? undefined : String(id);
}

export function takenId(state: State, kind: Kind, id: string | undefined): Refusal[] {
  return id !== undefined && state.find(kind, id) !== undefined ? [{ code: "conflict", field: "id" }] : [];
}

/** Unique values that another row has. */
function takenValues(state: State, kind: Kind, fields: Fields, self?: Row): Refusal[] {
  const unique = Object.entries(ENTITIES[kind].fields).filter(([, { isUnique }]) => isUnique === true);
  const isTaken = (name: string) =>
    state.rows(kind).some((row) => row.id !== self?.id && row.fields[name] === fields[name]);
  return unique.filter(([name]) => isTaken(name)).map(([field]) => ({ code: "conflict", field }));
}

/** Referenced rows that do not exist. */
export function missingRows(state: State, kind: Kind, fields: Fields): Refusal[] {
  return Object.entries(ENTITIES[kind].fields).flatMap(([field, { references }]): Refusal[] => {
    const id = fields[field];
    if (references === undefined || typeof id !== "string" || state.find(references, id) !== undefined) return [];
    return [{ code: "related_row_missing", field, id }];
  });
}

/** A write on one row, which must exist and have the version that the caller asks for. */
function writeRow(
  state: State,
  kind: Kind,
  id: unknown,
  options: unknown,
  invalid: Broken,
  write: (row: Row) => Expectation,
): Expectation {
  const refusal = refusedInput(brokenId(id), invalid);
  if (refusal !== undefined) return refusal;
  const row = state.find(kind, id);
  if (row === undefined) return notFound;
  return hasAskedVersion(row, options) ? write(row) : refused({ code: "version_mismatch" });
}

export function hasAskedVersion(row: Row | undefined, options: unknown): boolean {
  const asked = isFields(options) ? options["ifVersion"] : undefined;
  if (asked === undefined) return true;
  const versions: unknown[] = Array.isArray(asked) ? asked : [asked];
  return row !== undefined && (versions.includes("*") || versions.includes(row.version));
}

/** @param broken the broken rules of the changes, if they are not those of an update */
export function updateRow(
  state: State,
  kind: Kind,
  id: unknown,
  changes: unknown,
  options: unknown,
  broken = brokenUpdate(kind, changes),
): Expectation {
  return writeRow(state, kind, id, options, broken, (row) => {
    const fields = updatedFields(kind, row.fields, isFields(changes) ? changes : {});
    const refusals: Refusal[] = [...takenValues(state, kind, fields, row), ...missingRows(state, kind, fields)];
    // Checked on the resulting row: the changes alone may be valid.
    if (endsBeforeItStarts(fields)) {
      refusals.push({ code: "validation_failed", broken: { certain: ["endTime"], possible: [] } });
    }
    if (refusals.length > 0) return refused(...refusals);
    return returned((answer) => {
      const fault = differs(answer, fields);
      if (fault === undefined && isFields(answer)) state.replace(row, answer);
      return fault;
    });
  });
}

export function deleteRow(state: State, kind: Kind, id: unknown, options: unknown): Expectation {
  return writeRow(state, kind, id, options, NOTHING, (row) =>
    returned((answer) => {
      state.delete(kind, row.id);
      return differs(answer, undefined);
    }),
  );
}
