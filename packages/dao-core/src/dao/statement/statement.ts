import { getTableColumns, is, Param, Placeholder, type Query, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import {
  type PgColumn,
  PgDialect,
  PgDoublePrecision,
  PgJsonb,
  type PgTable,
  PgTimestampString,
} from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/pg-proxy";
import type { CallOptions } from "../../contract/call-options.ts";
import { ValidationError } from "../../contract/errors.ts";
import { findJsonProblem } from "../../contract/fields/json.ts";
import { isDate } from "../../contract/fields/realms.ts";
import {
  formatInstant,
  MAX_INSTANT,
  MIN_INSTANT,
  timeOfDigits,
  unstorableText,
} from "../../contract/fields/scalars.ts";
import type { SchemaName } from "../../schema/schema-name.ts";
import type {
  SchemaExecutor,
  SqlParameter,
  SqlResult,
  SqlRow,
  StatementKind,
  StatementOptions,
} from "../../session/driver.ts";
import { toDaoError } from "../../session/postgres-errors.ts";
import { PLACEHOLDER } from "./tables.ts";

/** Drizzle as a query builder: every statement is built with it once, and compiled to text. The session runs it. */
export const queryBuilder = drizzle(async () => {
  throw new Error("This builds statements; a session runs them.");
});

/** The values of a statement, by the names of its placeholders. */
export type StatementValues = Readonly<Record<string, unknown>>;

/** A statement as text, with a placeholder for the schema, and the source of each parameter. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly (string | { readonly constant: SqlParameter })[];
  readonly kind: StatementKind;
}

interface Buildable {
  toSQL(): Query;
}

/** Compiles a statement that is run often; {@link param} marks the values of each run. */
export function compile(kind: StatementKind, query: Buildable): Statement {
  const { sql, params } = query.toSQL();
  const all = params.map(toParameter);
  // A parameter used in several places is encoded and sent once.
  const parameters = [...new Set(all)];
  const text = sql.replace(/\$(\d+)/g, (_, number) => `$${parameters.indexOf(all[number - 1] ?? "") + 1}`);
  return { text, parameters, kind };
}

const dialect = new PgDialect();

/** Wraps raw SQL for {@link compile}. */
export function written(query: SQL): Buildable {
  return { toSQL: () => dialect.sqlToQuery(query) };
}

/** The column of rows that are only {@link counted}. */
export const one = { one: sql`1`.as("one") };

/** Makes a writing statement return its number of rows. */
export function counted(writing: SQLWrapper): Buildable {
  return written(sql`with written as (${writing.getSQL()}) select count(*) as count from written`);
}

/** Defers {@link compile} to the first use, so that importing the library compiles nothing. */
export function prepared(kind: StatementKind, query: () => Buildable): () => Statement {
  let statement: Statement | undefined;
  return () => {
    statement ??= compile(kind, query());
    return statement;
  };
}

/** Half of the statements that a cache keeps. */
const GENERATION = 256;

/** Statements that differ by the fields that callers use. There are thousands, so the 512 most recently used are kept. */
export class StatementCache {
  #recent = new Map<string, Statement>();
  #older = new Map<string, Statement>();

  get(key: string, build: () => Statement): Statement {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const statement = this.#older.get(key) ?? build();
    this.#recent.set(key, statement);
    if (this.#recent.size >= GENERATION) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    return statement;
  }
}

function toParameter(parameter: unknown): Statement["parameters"][number] {
  const value = is(parameter, Param) ? parameter.value : parameter;
  return is(value, Placeholder) ? value.name : { constant: encode("", value) };
}

/** A value as drivers send it: RFC 3339, JSON text. @throws ValidationError, naming the field, for one that would change */
export function encode(name: string, value: unknown): SqlParameter {
  switch (typeof value) {
    case "string": {
      const unstorable = unstorableText(value);
      if (unstorable !== undefined) throw new ValidationError([{ path: name, message: unstorable }]);
      return value;
    }
    case "number":
    case "boolean":
      return value;
    case "undefined":
      return null;
    case "object":
      if (value === null) return null;
      return isDate(value) ? instantText(name, value) : jsonText(name, value);
    default:
      throw new ValidationError([{ path: name, message: `must not be a ${typeof value}` }]);
  }
}

/** @throws ValidationError for a value that JSON or PostgreSQL would change */
function jsonText(name: string, value: object): string {
  const problem = findJsonProblem(value);
  if (problem === undefined) return JSON.stringify(value);
  throw new ValidationError([{ path: [name, ...problem.path.map(String)].join("."), message: problem.message }]);
}

/** Copies the dates of a new row that is also returned, so that the caller cannot change them. */
export function ownInstants(row: Record<string, unknown>): Record<string, unknown> {
  for (const name in row) {
    const value = row[name];
    if (isDate(value)) row[name] = new Date(value);
  }
  return row;
}

/** An instant as text. @throws ValidationError, naming the field, for an invalid date */
export function instantText(name: string, value: Date): string {
  if (Number.isNaN(value.getTime())) throw new ValidationError([{ path: name, message: "must be a valid Date" }]);
  return formatInstant(value);
}

/** Runs a statement with these values. @throws DaoError for everything that the database rejects */
export async function run(
  executor: SchemaExecutor,
  statement: Statement,
  values: StatementValues,
  options?: CallOptions,
): Promise<SqlResult> {
  const parameters = statement.parameters.map((parameter) =>
    typeof parameter === "string" ? encode(parameter, values[parameter]) : parameter.constant,
  );
  try {
    return await executor.execute(textIn(executor.schema, statement), parameters, withKind(options, statement.kind));
  } catch (error) {
    throw toDaoError(error, values);
  }
}

/** The text of a statement in this schema. */
export function textIn({ texts, quoted }: SchemaName, statement: Statement): string {
  const known = texts.get(statement);
  if (known !== undefined) return known;
  const text = statement.text.replaceAll(`"${PLACEHOLDER}"`, () => quoted);
  texts.set(statement, text);
  return text;
}

const kinds = {
  point: { kind: "point" },
  read: { kind: "read" },
  count: { kind: "count" },
  write: { kind: "write" },
} as const;

function withKind(options: CallOptions | undefined, kind: StatementKind): StatementOptions {
  if (options === undefined) return kinds[kind];
  // Not spread, which takes V8 as long as the rest of a statement's options.
  const { signal, timeout, requester, readAfter } = options;
  return { signal, timeout, requester, readAfter, kind };
}

/** A placeholder for the value of this name. */
export function param(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}

/** Makes a DTO of a row's columns, in the order of the table's definition. */
export type RowMapper<Dto> = (row: SqlRow) => Dto;

/**
 * Reads the rows of a result, and empties it. What has waited through two garbage collections of young objects (a promise, postgres.js's
 * query) keeps its result until one of all objects, and every collection until then copies those rows.
 */
export function takeRows<Dto>(rows: SqlRow[], read: RowMapper<Dto>): Dto[] {
  return rows.splice(0).map((row) => read(row));
}

type Decoder = ((value: unknown) => unknown) | undefined;

/** The mapper for all columns of `table`. The caller names the DTO that the table's columns make up. */
export function rowMapper<Dto extends object>(table: PgTable): RowMapper<Dto> {
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([name]) => name);
  const decoders = columns.map(([, column]) => decoderOf(column));
  // A parsed object has room for all its fields, and so have its copies; one that grows field by field is moved three times.
  const empty: Record<string, unknown> = JSON.parse(
    JSON.stringify(Object.fromEntries(names.map((name) => [name, null]))),
  );
  return (row) => {
    const dto = { ...empty };
    for (let index = 0; index < names.length; index++) {
      const value = row[index];
      const decode = decoders[index];
      dto[names[index] ?? ""] = decode === undefined ? value : decode(value);
    }
    return dto as Dto;
  };
}

function decoderOf(column: PgColumn): Decoder {
  if (column instanceof PgJsonb) return Array.isArray(column.default) ? readJsonArray : readJsonObject;
  if (column instanceof PgTimestampString) return unlessNull(readInstant);
  if (column instanceof PgDoublePrecision) return unlessNull(readFiniteNumber);
  return undefined;
}

const unlessNull = (decode: (value: unknown) => unknown) => (value: unknown) => (value === null ? null : decode(value));

/** JSON null, which the Python service writes, is read as empty. */
const readJsonObject = (value: unknown): unknown => readJson(value) ?? {};

/**
 * JSON null is empty, and a string that holds a JSON array is that array: the Python service's planner writes both. Any other
 * value becomes the only member of an array, as PostgreSQL's `||` does it.
 */
function readJsonArray(value: unknown): unknown {
  const json = readJson(value);
  if (Array.isArray(json)) return json;
  if (json === null) return [];
  const held = readJson(json);
  return Array.isArray(held) ? held : [json];
}

/** Invalid JSON is returned as a string: rows of the Python service can have one in place of an object or an array. */
export function readJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/**
 * A number from its binary form in hexadecimal digits. Rows of the Python service can hold numbers that JSON cannot: infinities become
 * the largest number, NaN becomes 1.
 */
function readFiniteNumber(value: unknown): number {
  const number = Buffer.from(String(value), "hex").readDoubleBE();
  if (Number.isNaN(number)) return 1;
  return Math.max(-Number.MAX_VALUE, Math.min(number, Number.MAX_VALUE));
}

/**
 * A `Date` from PostgreSQL's text of a `timestamptz`, or from its binary form in hexadecimal digits, cut to milliseconds. Infinities
 * and years that RFC 3339 cannot write, which rows of the Python service can hold, become the nearest instant that it can.
 */
export function readInstant(value: unknown): Date {
  const text = String(value);
  // 2026-02-15 10:00:00.123456+00, and in JSON 2026-02-15T10:00:00.123456+00:00, in a session whose time zone is UTC
  const zone = text.endsWith("+00") ? 3 : text.endsWith("+00:00") ? 6 : 0;
  // Date.UTC misreads years that begin with 00.
  if (zone > 0 && text.charCodeAt(4) === HYPHEN && !text.startsWith("00")) {
    return new Date(timeOfDigits(text, text.length - zone));
  }
  if (/^[\da-f]{16}$/.test(text)) return binaryInstant(text);
  if (text === "infinity") return new Date(MAX_INSTANT);
  if (text === "-infinity") return new Date(MIN_INSTANT);
  const match = /^(\d{4,6})(-\d{2}-\d{2})[ T]([\d:]+(?:\.\d+)?)([+-])(0\d|1[0-5]):?(\d{2})?:?(\d{2})?( BC)?$/.exec(
    text,
  );
  if (match === null) {
    // PostgreSQL rejects its own output of offsets of 16 hours or more, and a cursor needs to be read.
    throw new Error(
      "The database wrote an instant in a form that is not read here. Set the session's DateStyle to ISO, and its TimeZone to one " +
        "less than 16 hours from UTC.",
    );
  }
  const [, year, day, time, sign, hours, minutes = 0, seconds = 0, isBc] = match;
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === "-" ? -1_000 : 1_000);
  // Only the instant is limited to the range: its local time may be a day beyond, in the year 10000 or 1 BC (year 0).
  const local = localTime(isBc === undefined ? Number(year) : 1 - Number(year), `${day}T${time}Z`);
  return withinRange(local - offset);
}

/** Microseconds since the year 2000, a signed integer of 64 bits; both infinities are out of range. */
function binaryInstant(digits: string): Date {
  const high = Number.parseInt(digits.slice(0, 8), 16) | 0;
  const low = Number.parseInt(digits.slice(8), 16);
  // 2^32 is 4,294,967 * 1,000 + 296, so that no number here exceeds what a double holds exactly.
  return withinRange(YEAR_2000 + high * 4_294_967 + Math.floor((high * 296 + low) / 1_000));
}

const YEAR_2000 = Date.UTC(2000);

const withinRange = (time: number): Date =>
  new Date(Math.max(MIN_INSTANT.getTime(), Math.min(time, MAX_INSTANT.getTime())));

const HYPHEN = 0x2d;

/** Years that `Date` cannot hold are out of range as well. */
function localTime(year: number, rest: string): number {
  if (Math.abs(year) > 200_000) return year * Number.MAX_VALUE;
  return Date.parse(`${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}${rest}`);
}
