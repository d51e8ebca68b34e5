import { ValidationError } from "../contract/errors.ts";

/** Bytes of an identifier; PostgreSQL would truncate a longer one. */
const MAX_BYTES = 63;

/** The PostgreSQL schema in which the tables of a session are. */
export class SchemaName {
  readonly name: string;
  /** As an identifier in SQL, such as `"tenant_7"`. */
  readonly quoted: string;
  /** As text in SQL. */
  readonly literal: string;
  /** The texts in this schema of the statements that have been run in it. */
  readonly texts = new WeakMap<object, string>();

  /** @throws ValidationError for an invalid or reserved name */
  constructor(name = "public") {
    const problem = problemOf(name);
    if (problem !== undefined) throw new ValidationError([{ path: "schema", message: problem }]);
    this.name = name;
    this.quoted = `"${name.replaceAll('"', '""')}"`;
    this.literal = textLiteral(name);
  }

  /** A table, type or index of the schema in SQL that an operator reads: `public.tasks`, `"tenant_7".tasks`. */
  readable(object: string): string {
    return `${this.name === "public" ? "public" : this.quoted}.${object}`;
  }

  /** The same with both in quotes: `"tenant_7"."tasks"`. */
  qualified(object: string): string {
    return `${this.quoted}."${object}"`;
  }
}

/** Returns SQL that names `"public"`, as drizzle-kit and the files in `drizzle/` do, for another schema. */
export function inSchema({ quoted }: SchemaName, statement: string): string {
  return statement.replaceAll('"public".', () => `${quoted}.`);
}

/** Text in SQL. A backslash means the same in it whatever `standard_conforming_strings` is. */
export function textLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** Whether this is a valid name of a user's schema. */
export function isSchemaName(name: unknown): name is string {
  return problemOf(name) === undefined;
}

function problemOf(name: unknown): string | undefined {
  if (typeof name !== "string" || name === "") return "must be the name of a PostgreSQL schema";
  if (Buffer.byteLength(name) > MAX_BYTES) return `must have at most ${MAX_BYTES} bytes`;
  const isOwn = /^pg_|^information_schema$/.test(name);
  if (isOwn) return "must not be a schema of PostgreSQL itself (pg_…, information_schema)";
  if (name === "$user") return "must not be $user, which stands for the role's name in a search_path";
  return name.includes("\0") || !name.isWellFormed() ? "must be text that PostgreSQL can store" : undefined;
}
