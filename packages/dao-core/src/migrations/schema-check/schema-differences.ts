import type { SchemaDifference } from "./schema-difference.ts";
import type { SchemaFact, SchemaShape, TableShape } from "./schema-facts.ts";
import {
  addConstraint,
  addEnumValue,
  createIndex,
  quoted,
  renameConstraint,
  setDefault,
  setNotNull,
} from "./schema-repairs.ts";

/** Returns what of `shape` is missing or different. Anything beyond it matters only if it would keep rows from being written. */
export function findSchemaDifferences(facts: readonly SchemaFact[], shape: SchemaShape): SchemaDifference[] {
  const schema = new ActualSchema(facts, shape);
  const names = Object.keys(shape.tables);
  if (names.every((name) => schema.detail("table", name) === undefined)) return [];
  const differences = Object.entries(shape.enums).flatMap(([name, values]) => ofEnum(schema, name, values));
  for (const [name, table] of Object.entries(shape.tables)) differences.push(...ofTable(schema, name, table));
  return differences;
}

class ActualSchema {
  readonly #details: ReadonlyMap<string, string>;
  readonly #facts: readonly SchemaFact[];
  readonly #shape: SchemaShape;

  constructor(facts: readonly SchemaFact[], shape: SchemaShape) {
    this.#facts = facts;
    this.#shape = shape;
    this.#details = new Map(facts.map(({ kind, table, name, detail }) => [`${kind} ${table}.${name}`, detail]));
  }

  detail(kind: SchemaFact["kind"], table: string, name = ""): string | undefined {
    return this.#details.get(`${kind} ${table}.${name}`);
  }

  /** Returns the constraint of `table` whose definition starts with `start`. */
  constraint(table: string, start: string): SchemaFact | undefined {
    return this.#facts.find(
      (fact) => fact.kind === "constraint" && fact.table === table && fact.detail.startsWith(start),
    );
  }

  /** Casts a column to another type; to an enum through text, since the old type may be an enum of another name. */
  cast(column: string, type: string): string {
    return Object.hasOwn(this.#shape.enums, type) ? `${column}::text::${type}` : `${column}::${type}`;
  }

  /** Returns the names of the rules that rewrite statements that write to `table`. */
  rules(table: string): readonly string[] {
    return this.#facts.flatMap((fact) => (fact.kind === "rule" && fact.table === table ? fact.name : []));
  }

  /** Returns the columns of `table` that are not part of the shape. */
  extraColumns(table: string, expected: TableShape): readonly SchemaFact[] {
    return this.#facts.filter(
      (fact) => fact.kind === "column" && fact.table === table && !Object.hasOwn(expected.columns, fact.name),
    );
  }
}

function ofEnum(schema: ActualSchema, name: string, values: readonly string[]): SchemaDifference[] {
  const detail = schema.detail("enum", name);
  const create = `create type public.${name} as enum (${values.map((value) => `'${value}'`).join(", ")});`;
  if (detail === undefined) return [{ what: `the type ${name} is missing`, advice: `Run: ${create}` }];
  if (detail === "") {
    const what = `the type ${name} is not an enum, or has no values`;
    return [{ what, advice: `Run: alter type public.${name} rename to other_${name}; ${create}` }];
  }
  const present = detail.split(", ");
  const missing = values.filter((value) => !present.includes(value));
  const unknown = present.filter((value) => !values.includes(value));
  return missing.map((value) => {
    const what = `the value ${value} of the type ${name} is missing`;
    // Rows may have the unknown value in place of this one.
    if (unknown.length === 0) return { what, repair: addEnumValue(name, value, values, present) };
    const rename = `alter type public.${name} rename value '${unknown[0]}' to '${value}';`;
    return { what: `${what}, but it has ${unknown.join(", ")}`, advice: `If it was renamed, run: ${rename}` };
  });
}

function ofTable(schema: ActualSchema, name: string, table: TableShape): SchemaDifference[] {
  const kind = schema.detail("table", name);
  if (kind === undefined) {
    const columns = Object.entries(table.columns).map(([column, type]) => `${column} ${type}`);
    const create = `create table public.${name} (${columns.join(", ")});`;
    const advice = `Restore it from a backup. If its rows are lost for good, run: ${create} Then run migrate().`;
    return [{ what: `the table ${name} is missing`, advice }];
  }
  if (kind === "unlogged") {
    const advice = `Run: alter table public.${name} set logged;`;
    return [{ what: `the table ${name} is unlogged: its rows would not survive a crash`, advice }];
  }
  if (kind !== "table") {
    const advice = "Rename it, then restore the table.";
    return [{ what: `${name} is ${kind === "view" ? "a view" : "something else"}, not a table`, advice }];
  }
  const others = schema.extraColumns(name, table);
  const missing = Object.keys(table.columns).filter((column) => schema.detail("column", name, column) === undefined);
  // What was dropped together with a missing column is recreated by the migrate() after the column is restored.
  const isWhole = ([, definition]: [string, string]) =>
    !missing.some((column) => new RegExp(`\\b${column}\\b`).test(definition));
  return [
    ...Object.entries(table.columns).flatMap(([column, expected]) => ofColumn(schema, name, column, expected, others)),
    ...others.flatMap((column) => ofExtraColumn(column)),
    ...schema.rules(name).map((rule) => ({
      what: `the rule ${rule} rewrites statements that write to ${name}`,
      advice: `Run: drop rule ${quoted(rule)} on public.${name};`,
    })),
    ...Object.entries(table.constraints)
      .filter(isWhole)
      .flatMap(([constraint, expected]) => ofConstraint(schema, name, constraint, expected)),
    ...Object.entries(table.indexes)
      .filter(isWhole)
      .flatMap(([index, definition]) => ofIndex(schema, name, index, definition)),
  ];
}

interface ColumnWords {
  readonly type: string;
  readonly default: string | undefined;
  readonly isRequired: boolean;
}

function columnWords(text: string): ColumnWords {
  const [, type = "", value, required] = /^(.+?)( DEFAULT(?: .+?)??)?( NOT NULL)?$/.exec(text) ?? [];
  return { type, default: value?.replace(/^ DEFAULT ?/, ""), isRequired: required !== undefined };
}

function ofColumn(
  schema: ActualSchema,
  table: string,
  column: string,
  expectedText: string,
  others: readonly SchemaFact[],
): SchemaDifference[] {
  const actualText = schema.detail("column", table, column);
  const where = `${table}.${column}`;
  const expected = columnWords(expectedText);
  const alter = `alter table public.${table}`;
  if (actualText === undefined) {
    const twin = others.find(({ detail }) => columnWords(detail).type === expected.type);
    const renamed =
      twin === undefined ? "" : `If it was renamed, run: ${alter} rename ${quoted(twin.name)} to ${column}; `;
    // Without a default NOT NULL would fail on existing rows; migrate() sets it once they have values.
    const definition = expected.default === undefined ? expected.type : expectedText;
    const advice = `${renamed}If its values are lost for good, run: ${alter} add ${column} ${definition}; Then run migrate().`;
    return [{ what: `the column ${where} is missing`, advice }];
  }
  const actual = columnWords(actualText);
  const type = actual.type.replace(/^public\./, "");
  if (type !== expected.type) {
    const isGenerated = / (GENERATED|IDENTITY)$/.test(type);
    const drop = type.endsWith(" IDENTITY") ? "drop identity" : "drop expression";
    const change = isGenerated ? drop : `type ${expected.type} using ${schema.cast(column, expected.type)}`;
    // The old type's default does not fit the new type; migrate() sets it again.
    const hasDefault = !isGenerated && actual.default !== undefined;
    const dropDefault = hasDefault ? `alter ${column} drop default, ` : "";
    const advice = `Run: ${alter} ${dropDefault}alter ${column} ${change};${hasDefault ? " Then run migrate()." : ""}`;
    return [{ what: `${where} is ${type}, not ${expected.type}`, advice }];
  }
  const differences: SchemaDifference[] = [];
  if (expected.default !== undefined && actual.default === undefined) {
    differences.push({ what: `${where} has no default`, repair: setDefault(table, column, expected.default) });
  }
  if (expected.isRequired && !actual.isRequired) {
    differences.push({ what: `${where} is nullable`, repair: setNotNull(table, column) });
  } else if (actual.isRequired && !expected.isRequired) {
    const advice = `Run: ${alter} alter ${column} drop not null;`;
    differences.push({ what: `${where} is not nullable`, advice });
  }
  return differences;
}

/** The library writes no value for such a column. */
function ofExtraColumn({ table, name, detail }: SchemaFact): SchemaDifference[] {
  const { isRequired, default: value, type } = columnWords(detail);
  if (!isRequired || value !== undefined || / (GENERATED|IDENTITY)$/.test(type)) return [];
  const advice = `Run: alter table public.${table} alter ${quoted(name)} drop not null; or give it a default.`;
  return [{ what: `${table}.${name}, an extra column, is NOT NULL and has no default`, advice }];
}

function ofConstraint(schema: ActualSchema, table: string, name: string, expected: string): SchemaDifference[] {
  const actual = schema.detail("constraint", table, name);
  const columns = [...expected.matchAll(/"(\w+)"/g)].map(([, column = ""]) => column);
  const comparable = expected.startsWith("CHECK") ? `CHECK (${[...new Set(columns)].toSorted().join(", ")})` : expected;
  // A unique index of the same name is equivalent, even in error messages.
  if (actual === comparable || schema.detail("index", table, name) === expected) return [];
  // Under another name it works the same, but its violations are not recognized. There can be only one primary key.
  const other =
    actual === undefined ? schema.constraint(table, expected.replace(/^PRIMARY KEY.*/, "PRIMARY KEY")) : undefined;
  if (other?.detail === expected) {
    return [
      { what: `the constraint ${name} is named ${other.name}`, repair: renameConstraint(table, other.name, name) },
    ];
  }
  if (actual === undefined && other === undefined) {
    return [{ what: `the constraint ${name} is missing`, repair: addConstraint(table, name, expected) }];
  }
  const present = other?.name ?? name;
  const isDisabled = actual === `${comparable} DISABLED`;
  const advice = `Run: alter table public.${table} drop constraint ${present === name ? name : quoted(present)}; Then run migrate(), which recreates it.`;
  // Recreating it checks the rows written in the meantime; enabling its triggers takes a superuser and checks none.
  const what = `the constraint ${present} is ${isDisabled ? "not enforced: its triggers are disabled" : `not ${expected}`}`;
  return [{ what, advice }];
}

function ofIndex(schema: ActualSchema, table: string, name: string, definition: string): SchemaDifference[] {
  const actual = schema.detail("index", table, name);
  if (actual !== undefined && actual !== "invalid") return [];
  const what = `the index ${name} is ${actual ?? "missing"}`;
  return [{ what, repair: createIndex(table, name, definition, actual === "invalid"), isBearable: true }];
}
