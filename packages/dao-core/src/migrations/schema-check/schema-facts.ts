import type { CallOptions } from "../../contract/call-options.ts";
import { SchemaVersionError } from "../../contract/errors.ts";
import type { SchemaName } from "../../schema/schema-name.ts";
import type { SqlExecutor } from "../../session/driver.ts";
import { databaseErrorFacts } from "../../session/postgres-errors.ts";
import { FEED_VERSION } from "../change-feed-objects.ts";
import { FACTS } from "./schema-facts.gen.ts";

/** The parts of the schema that the code relies on. */
export interface SchemaShape {
  /** The values of the enum types, in order. */
  readonly enums: Readonly<Record<string, readonly string[]>>;
  readonly tables: Readonly<Record<string, TableShape>>;
}

/** One table, in SQL notation. */
export interface TableShape {
  /** `text`, `integer NOT NULL`, `boolean DEFAULT false NOT NULL` */
  readonly columns: Readonly<Record<string, string>>;
  /** `PRIMARY KEY (id)`, `CHECK (week_number >= 1)` */
  readonly constraints: Readonly<Record<string, string>>;
  /** `btree (goal_id)` */
  readonly indexes: Readonly<Record<string, string>>;
}

type SchemaObject = "table" | "column" | "constraint" | "index" | "rule" | "enum";

/** An object in the schema, or something that keeps this role from using one. */
export interface SchemaFact {
  readonly kind: SchemaObject | "change feed" | "replica identity" | "replication role" | "privileges" | "policies";
  readonly table: string;
  /** The name of the column, constraint, index, rule or part of the change feed; or the commands that no policy allows, or that need a replica identity. */
  readonly name: string;
  /** In the notation of {@link SchemaShape}, except that a CHECK is its columns: reading its text takes a lock. */
  readonly detail: string;
}

const compared: ReadonlySet<unknown> = new Set(["column", "constraint", "index"]);

/** What exists of a {@link SchemaShape} in a schema. */
export class SchemaFacts {
  readonly schema: SchemaName;
  readonly shape: SchemaShape;
  readonly all: readonly SchemaFact[];
  readonly #details: ReadonlyMap<string, string>;

  constructor(schema: SchemaName, shape: SchemaShape, all: readonly SchemaFact[]) {
    this.schema = schema;
    this.shape = shape;
    this.all = all;
    this.#details = new Map(all.map(({ kind, table, name, detail }) => [`${kind} ${table}.${name}`, detail]));
  }

  get hasTables(): boolean {
    return this.all.some(({ kind }) => kind === "table");
  }

  of(kind: SchemaFact["kind"], table: string): readonly SchemaFact[] {
    return this.all.filter((fact) => fact.kind === kind && fact.table === table);
  }

  detail(kind: SchemaFact["kind"], table: string, name = ""): string | undefined {
    return this.#details.get(`${kind} ${table}.${name}`);
  }
}

/** As tested (README.md). */
export const OLDEST_SERVER = 15;

/** Of a catalog that lacks a relation, column or function. */
const OF_OLD_CATALOG = /^(?:42P01|42703|42883)$/;

/** Reads what exists of `shape`, as this connection's role sees it. @throws SchemaVersionError if the server is too old */
export async function readSchemaFacts(
  executor: SqlExecutor,
  schema: SchemaName,
  shape: SchemaShape,
  options?: CallOptions,
): Promise<SchemaFacts> {
  const { tables, enums } = shape;
  const columns = Object.entries(tables).flatMap(([table, { columns }]) =>
    Object.keys(columns).map((name) => `${table}.${name}`),
  );
  const names = [Object.keys(tables), Object.keys(enums), columns].map((all) => `{${all.join()}}`);
  const parameters = [...names, schema.name, schema.readable(""), FEED_VERSION];
  const { rows } = await executor.execute(FACTS, parameters, options).catch((error: unknown) => {
    if (!OF_OLD_CATALOG.test(databaseErrorFacts(error)?.code ?? "")) throw error;
    const sentence = `The server is older than PostgreSQL ${OLDEST_SERVER}, the oldest that is supported. Upgrade it.`;
    throw new SchemaVersionError(sentence, { cause: error });
  });
  const facts = rows.map((row) => {
    const [kind = "", table = "", name = "", detail = ""] = row.map(String);
    // The server may quote all names (quote_all_identifiers); none of ours needs quotes.
    const unquoted = compared.has(kind) ? detail.replaceAll('"', "") : detail;
    return { kind: kind as SchemaFact["kind"], table, name, detail: unquoted };
  });
  return new SchemaFacts(schema, shape, facts);
}

/** A column in the notation of {@link SchemaShape}, taken apart. */
export interface ColumnWords {
  readonly type: string;
  readonly default: string | undefined;
  readonly isRequired: boolean;
  /** Whether the server fills it, as it does a generated or an identity column. */
  readonly isGenerated: boolean;
}

export function columnWords(text: string): ColumnWords {
  const [, type = "", value, required] = /^(.+?)( DEFAULT(?: .+?)??)?( NOT NULL)?$/.exec(text) ?? [];
  return {
    type,
    default: value?.replace(/^ DEFAULT ?/, ""),
    isRequired: required !== undefined,
    isGenerated: / (GENERATED|IDENTITY)$/.test(type),
  };
}

/** Whether an INSERT must contain the column. */
export function mustBeInserted({ isRequired, isGenerated, default: value }: ColumnWords): boolean {
  return isRequired && !isGenerated && value === undefined;
}
