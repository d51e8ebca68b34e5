import { is, Param, Placeholder, type Query, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { PgDialect } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/pg-proxy";
import type { CallOptions } from "../../contract/call-options.ts";
import { ValidationError } from "../../contract/errors.ts";
import { findJsonProblem } from "../../contract/fields/json.ts";
import { unstorableText } from "../../contract/fields/scalars.ts";
import type { SchemaExecutor, SqlParameter, SqlResult, StatementKind, StatementOptions } from "../../session/driver.ts";
import { toDaoError } from "../../session/postgres-errors.ts";

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

/**
 * Statements that differ by the fields that callers use, each compiled when it is first used. There are thousands of these, so
 * only the most recently used are kept: up to 512.
 */
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

/**
 * A value as the drivers send it: instants as RFC 3339, JSON as text.
 * @throws ValidationError, naming the field, for a value that would be stored differently
 */
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
      return value instanceof Date ? validInstant(name, value).toISOString() : jsonText(name, value);
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

/** Returns the instant, if it is valid. @throws ValidationError, naming the field, for an invalid date */
export function validInstant(name: string, value: Date): Date {
  if (Number.isNaN(value.getTime())) throw new ValidationError([{ path: name, message: "must be a valid Date" }]);
  return value;
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
    return await executor.execute(executor.schema.textOf(statement), parameters, withKind(options, statement.kind));
  } catch (error) {
    throw toDaoError(error, values);
  }
}

const kinds = { point: { kind: "point" }, read: { kind: "read" }, write: { kind: "write" } } as const;

function withKind(options: CallOptions | undefined, kind: StatementKind): StatementOptions {
  return options === undefined ? kinds[kind] : { ...options, kind };
}

/** A placeholder for the value of this name. */
export function param(name: string): SQL {
  return sql`${sql.placeholder(name)}`;
}
