import { type Fields, isFields, type Kind } from "../known-rows.ts";
import { ENTITIES, type Field } from "./entities.ts";
import { uuid } from "./rules.ts";

/** Where an input breaks rules. */
export interface Broken {
  readonly certain: readonly string[];
  /** Rules across fields: they need not be checked while a single field is invalid. */
  readonly possible: readonly string[];
}

export const NOTHING: Broken = { certain: [], possible: [] };

export function isBroken({ certain, possible }: Broken): boolean {
  return certain.length + possible.length > 0;
}

export function joinBroken(...parts: readonly Broken[]): Broken {
  return { certain: parts.flatMap(({ certain }) => certain), possible: parts.flatMap(({ possible }) => possible) };
}

export function at(prefix: string, broken: Broken): Broken {
  const below = (path: string) => (path === "" ? prefix : `${prefix}.${path}`);
  return { certain: broken.certain.map(below), possible: broken.possible.map(below) };
}

export const brokenAt = (path: string): Broken => ({ certain: [path], possible: [] });

export const brokenUnless = (isRight: boolean, path: string): Broken => (isRight ? NOTHING : brokenAt(path));

export const brokenId = (id: unknown, path = "id"): Broken => brokenUnless(uuid(id), path);

/**
 * The broken rules of a creation.
 * @param without fields that this kind of creation does not have
 * @param others broken rules of its additional inputs
 */
export function brokenCreation(
  kind: Kind,
  input: unknown,
  without: readonly string[] = [],
  others: readonly string[] = [],
): Broken {
  if (!isFields(input)) return brokenAt("");
  const certain = [...others];
  for (const [name, field] of Object.entries(ENTITIES[kind].fields)) {
    if (without.includes(name)) continue;
    const isAbsent = input[name] === undefined;
    if (isAbsent ? !("default" in field) : !isValue(field, input[name])) certain.push(name);
  }
  return withSpan(certain, input);
}

/**
 * The broken rules of an update. Fields that cannot be changed are unknown fields, which are ignored.
 * @param others broken rules of its additional inputs
 */
export function brokenUpdate(kind: Kind, input: unknown, others: readonly string[] = []): Broken {
  if (!isFields(input)) return brokenAt("");
  const certain = Object.entries(ENTITIES[kind].fields)
    .filter(([name, field]) => field.isFixed !== true && input[name] !== undefined && !isValue(field, input[name]))
    .map(([name]) => name);
  return withSpan([...others, ...certain], input);
}

function isValue(field: Field, value: unknown): boolean {
  if (value === null) return field.isNullable === true || field.nullMeans !== undefined;
  return field.rule(value);
}

function withSpan(certain: readonly string[], input: Fields): Broken {
  if (!endsBeforeItStarts(input)) return { certain, possible: [] };
  return certain.length === 0 ? brokenAt("endTime") : { certain, possible: ["endTime"] };
}

/** `end_time` ≥ `start_time`. */
export function endsBeforeItStarts({ startTime, endTime }: Fields): boolean {
  return startTime instanceof Date && endTime instanceof Date && endTime.getTime() < startTime.getTime();
}

/** The fields of the row that a valid creation makes, except `id` and `createdAt`. */
export function createdFields(kind: Kind, input: Fields, without: readonly string[] = []): Fields {
  const fields = Object.entries(ENTITIES[kind].fields).filter(([name]) => !without.includes(name));
  return Object.fromEntries(
    fields.map(([name, field]) => [name, input[name] === undefined ? field.default : stored(field, input[name])]),
  );
}

/** The fields of the row after a valid update. */
export function updatedFields(kind: Kind, row: Fields, changes: Fields): Fields {
  const changed = Object.entries(ENTITIES[kind].fields)
    .filter(([name, field]) => field.isFixed !== true && changes[name] !== undefined)
    .map(([name, field]) => [name, stored(field, changes[name])]);
  return { ...row, ...Object.fromEntries(changed) };
}

function stored(field: Field, value: unknown): unknown {
  if (value === null) return field.nullMeans ?? null;
  // JSON has no -0, and no keys without a value.
  if (field.nullMeans !== undefined) return JSON.parse(JSON.stringify(value));
  return field.references === undefined ? value : String(value).toLowerCase();
}
