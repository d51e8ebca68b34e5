import { inSchema, type SchemaName } from "../schema/schema-name.ts";
import { FIRST_BATCH_ROWS } from "../session/limits.ts";
import { progressUpdate } from "./journal.ts";
import type { Migration } from "./migration-set.ts";

/**
 * An online step, by its statement:
 * - `CREATE INDEX CONCURRENTLY` is run by itself; what a killed one has left is dropped first;
 * - a statement with parameters writes a batch of rows: those after the key `$1` (text, NULL at first), at most `$2` of them. It
 *   returns the last key, as text, or no row when none is left. It is repeated, each time in a transaction of its own;
 * - any other, such as VALIDATE CONSTRAINT, is run in a transaction of its own.
 */
export type OnlineStatement =
  | {
      readonly kind: "index";
      readonly create: string;
      readonly drop: string;
      readonly index: string;
      readonly table: string;
    }
  | { readonly kind: "batches"; readonly text: string }
  | { readonly kind: "statement"; readonly text: string; readonly table: string | undefined };

const CREATE_INDEX = /CREATE (UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?"(\w+)" ON (?:"public"\.)?"(\w+)"/;
const ALTER_TABLE = /ALTER TABLE (?:"public"\.)?"(\w+)"/;

/** Names of indexes and their tables are qualified, since an index is built outside of a transaction that sets the path. */
export function readOnlineStatement(schema: SchemaName, statement: string): OnlineStatement {
  const [, unique = "", index, indexed] = CREATE_INDEX.exec(statement) ?? [];
  if (index !== undefined && indexed !== undefined) {
    const table = schema.qualified(indexed);
    const create = statement.replace(CREATE_INDEX, () => `CREATE ${unique}INDEX CONCURRENTLY "${index}" ON ${table}`);
    const qualified = schema.qualified(index);
    const drop = `DROP INDEX CONCURRENTLY IF EXISTS ${qualified};`;
    return { kind: "index", create: inSchema(schema, create), drop, index: qualified, table };
  }
  const text = inSchema(schema, statement);
  if (/\$1\b/.test(text)) return { kind: "batches", text };
  const [, altered] = ALTER_TABLE.exec(statement) ?? [];
  return { kind: "statement", text, table: altered && schema.qualified(altered) };
}

/** The statements of a migration's online steps for tables without rows, in its transaction. */
export function withoutOnline({ online = [] }: Migration): string[] {
  const statements = online.filter((statement) => !/\$1\b/.test(statement));
  return statements.map((statement) => statement.replace(" CONCURRENTLY ", " "));
}

export function onlineName({ name, online = [] }: Migration, index: number): string {
  return `${name}, online step ${index + 1} of ${online.length}`;
}

/** An online step as statements to run by hand, one by one. */
export function onlineScript(schema: SchemaName, { version, online = [] }: Migration, index: number): string[] {
  const statement = readOnlineStatement(schema, online[index] ?? "");
  const done = index + 1 < online.length ? { done: index + 1 } : undefined;
  const path = `SET search_path TO ${schema.quoted}, pg_temp;`;
  return [path, ...byHand(statement), progressUpdate(schema, version, done)];
}

function byHand(statement: OnlineStatement): string[] {
  if (statement.kind === "index") return [statement.drop, statement.create];
  if (statement.kind === "statement") return [statement.text];
  return [
    `DO $batches$ DECLARE key text; BEGIN LOOP EXECUTE $batch$${statement.text.replace(/;$/, "")}$batch$ INTO key ` +
      `USING key, ${FIRST_BATCH_ROWS}; EXIT WHEN key IS NULL; COMMIT; END LOOP; END $batches$;`,
  ];
}

/**
 * Whether a difference will be gone when the online steps of these migrations are done.
 * @param what a column, constraint or index, or a step that repairs it: `NOT NULL of tasks.priority`
 */
export function isLeftOnline(what: string | undefined, migrations: readonly Migration[]): boolean {
  const name = `"${/\w+$/.exec(what ?? "")?.[0]}"`;
  return migrations.some(({ online = [] }) => online.some((statement) => statement.includes(name)));
}
