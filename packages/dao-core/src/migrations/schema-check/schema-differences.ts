import type { SchemaFact } from "./schema-facts.ts";
import {
  addConstraint,
  addEnumValue,
  createIndex,
  type MigrationStep,
  quoted,
  renameConstraint,
  setDefault,
  setNotNull,
} from "./schema-repairs.ts";
import type { SchemaShape, TableShape } from "./schema-shape.ts";

/** Something that the code needs, and that is not as the migrations made it. */
export interface SchemaDifference {
  /** Half a sentence: `the column tasks.priority is missing`. */
  readonly what: string;
  /** What `migrate()` does about it; `undefined` where it would have to guess about rows, or undo what was meant. */
  readonly repair?: MigrationStep | undefined;
  /** What a person can do where there is no repair: a sentence. */
  readonly advice?: string;
  /** Whether everything works without it, if slower. */
  readonly isBearable?: boolean;
}

/** What of `shape` is missing or otherwise. What there is beside it is of interest only where no row could be written for it. */
export function findSchemaDifferences(facts: readonly SchemaFact[], shape: SchemaShape): SchemaDifference[] {
  const found = new Found(facts, shape);
  const names = Object.keys(shape.tables);
  if (names.every((name) => found.detail("table", name) === undefined)) return [];
  const differences = Object.entries(shape.enums).flatMap(([name, values]) => ofEnum(found, name, values));
  for (const [name, table] of Object.entries(shape.tables)) differences.push(...ofTable(found, name, table));
  return differences;
}

/** What keeps this connection's role from working with tables that are as they should be, or its writes from being checked. */
export function findObstacles(facts: readonly SchemaFact[]): SchemaDifference[] {
  return facts.flatMap(({ kind, table, name, detail }): SchemaDifference[] => {
    switch (kind) {
      case "search path":
        return [
          {
            what: `the search_path (${detail}) of this connection does not lead to public.${table.replaceAll(", ", ", public.")}`,
            advice:
              "Set it to public for this role (alter role … set search_path = public), and grant usage on that schema.",
          },
        ];
      case "replica identity":
        return [
          {
            what: `public.${table} is published without a replica identity, so that it takes no ${name.replace(", ", " and no ")}`,
            advice: `Run: alter table public.${table} replica identity default;`,
          },
        ];
      case "replication role":
        return [
          {
            what: "the session_replication_role of this connection is replica, so that the server enforces no foreign key",
            advice: `Run: alter role ${detail} reset session_replication_role; and the same for the database, if it is set there. Rows that were written meanwhile may lack the rows that they belong to.`,
          },
        ];
      case "privileges":
        return [{ what: `the role may not ${detail.replace(/ to .*$/, "")}`, advice: `Run: grant ${detail};` }];
      case "policies":
        return [
          {
            what: `row-level security of public.${table} has no policy by which the role may ${name}`,
            advice: `Create a policy on public.${table} for ${detail}, drop those that let nothing pass (using (false)), or use a role with BYPASSRLS.`,
          },
        ];
      default:
        return [];
    }
  });
}

class Found {
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

  /** The constraint of `table` whose definition begins so; `undefined` where there is none. */
  constraint(table: string, start: string): SchemaFact | undefined {
    return this.#facts.find(
      (fact) => fact.kind === "constraint" && fact.table === table && fact.detail.startsWith(start),
    );
  }

  /** A column's values as another type: those of an enum, which may have had another name, by their text. */
  cast(column: string, type: string): string {
    return Object.hasOwn(this.#shape.enums, type) ? `${column}::text::${type}` : `${column}::${type}`;
  }

  /** Names of the rules that rewrite what is written to `table`. */
  rules(table: string): readonly string[] {
    return this.#facts.flatMap((fact) => (fact.kind === "rule" && fact.table === table ? fact.name : []));
  }

  /** Columns of `table` that are none of ours. */
  others(table: string, ours: TableShape): readonly SchemaFact[] {
    return this.#facts.filter(
      (fact) => fact.kind === "column" && fact.table === table && !Object.hasOwn(ours.columns, fact.name),
    );
  }
}

function ofEnum(found: Found, name: string, values: readonly string[]): SchemaDifference[] {
  const detail = found.detail("enum", name);
  const create = `create type public.${name} as enum (${values.map((value) => `'${value}'`).join(", ")});`;
  if (detail === undefined) return [{ what: `the type ${name} is missing`, advice: `Run: ${create}` }];
  if (detail === "") {
    const what = `the type ${name} is no enum, or one without values`;
    return [{ what, advice: `Run: alter type public.${name} rename to other_${name}; ${create}` }];
  }
  const present = detail.split(", ");
  const missing = values.filter((value) => !present.includes(value));
  const strange = present.filter((value) => !values.includes(value));
  return missing.map((value) => {
    const what = `the value ${value} of the type ${name} is missing`;
    // Rows may hold the strange one where they should hold this.
    if (strange.length === 0) return { what, repair: addEnumValue(name, value, values, present) };
    const rename = `alter type public.${name} rename value '${strange[0]}' to '${value}';`;
    return { what: `${what}, and has ${strange.join(", ")}`, advice: `If it was renamed, run: ${rename}` };
  });
}

function ofTable(found: Found, name: string, table: TableShape): SchemaDifference[] {
  const kind = found.detail("table", name);
  if (kind === undefined) {
    const columns = Object.entries(table.columns).map(([column, type]) => `${column} ${type}`);
    const create = `create table public.${name} (${columns.join(", ")});`;
    const advice = `Restore it from a backup. If its rows are gone for good, run: ${create} Then run migrate().`;
    return [{ what: `the table ${name} is missing`, advice }];
  }
  if (kind === "unlogged") {
    const advice = `Run: alter table public.${name} set logged;`;
    return [{ what: `the table ${name} is unlogged, so that its rows would not survive a crash`, advice }];
  }
  if (kind !== "table") {
    const advice = `Rename it, and put the table in its place.`;
    return [{ what: `${name} is ${kind === "view" ? "a view" : "something else"}, not a table`, advice }];
  }
  const others = found.others(name, table);
  const missing = Object.keys(table.columns).filter((column) => found.detail("column", name, column) === undefined);
  // What a column that is missing took along comes back by the next migrate() after it.
  const isWhole = ([, definition]: [string, string]) =>
    !missing.some((column) => new RegExp(`\\b${column}\\b`).test(definition));
  return [
    ...Object.entries(table.columns).flatMap(([column, expected]) => ofColumn(found, name, column, expected, others)),
    ...others.flatMap((column) => ofStrangeColumn(column)),
    ...found.rules(name).map((rule) => ({
      what: `the rule ${rule} rewrites what is written to ${name}`,
      advice: `Run: drop rule ${quoted(rule)} on public.${name};`,
    })),
    ...Object.entries(table.constraints)
      .filter(isWhole)
      .flatMap(([constraint, expected]) => ofConstraint(found, name, constraint, expected)),
    ...Object.entries(table.indexes)
      .filter(isWhole)
      .flatMap(([index, definition]) => ofIndex(found, name, index, definition)),
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
  found: Found,
  table: string,
  column: string,
  expectedText: string,
  others: readonly SchemaFact[],
): SchemaDifference[] {
  const actualText = found.detail("column", table, column);
  const where = `${table}.${column}`;
  const expected = columnWords(expectedText);
  const alter = `alter table public.${table}`;
  if (actualText === undefined) {
    const twin = others.find(({ detail }) => columnWords(detail).type === expected.type);
    const renamed =
      twin === undefined ? "" : `If it was renamed, run: ${alter} rename ${quoted(twin.name)} to ${column}; `;
    // Without a default no row could take NOT NULL; migrate() sets it once they have values.
    const definition = expected.default === undefined ? expected.type : expectedText;
    const advice = `${renamed}If its values are gone for good, run: ${alter} add ${column} ${definition}; Then run migrate().`;
    return [{ what: `the column ${where} is missing`, advice }];
  }
  const actual = columnWords(actualText);
  const type = actual.type.replace(/^public\./, "");
  if (type !== expected.type) {
    const isGenerated = / (GENERATED|IDENTITY)$/.test(type);
    const drop = type.endsWith(" IDENTITY") ? "drop identity" : "drop expression";
    const change = isGenerated ? drop : `type ${expected.type} using ${found.cast(column, expected.type)}`;
    // A default of the one type is none of the other; migrate() sets it again.
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

/** No row of ours has a value for it. */
function ofStrangeColumn({ table, name, detail }: SchemaFact): SchemaDifference[] {
  const { isRequired, default: value, type } = columnWords(detail);
  if (!isRequired || value !== undefined || / (GENERATED|IDENTITY)$/.test(type)) return [];
  const advice = `Run: alter table public.${table} alter ${quoted(name)} drop not null; or give it a default.`;
  return [{ what: `${table}.${name}, which is not ours, is NOT NULL and has no default`, advice }];
}

function ofConstraint(found: Found, table: string, name: string, expected: string): SchemaDifference[] {
  const actual = found.detail("constraint", table, name);
  const columns = [...expected.matchAll(/"(\w+)"/g)].map(([, column = ""]) => column);
  const comparable = expected.startsWith("CHECK") ? `CHECK (${[...new Set(columns)].toSorted().join(", ")})` : expected;
  // A unique index of the same name does the same, its name in errors included.
  if (actual === comparable || found.detail("index", table, name) === expected) return [];
  // There can be one primary key; what else has another name does the same, but is not known by it where rows break it.
  const other =
    actual === undefined ? found.constraint(table, expected.replace(/^PRIMARY KEY.*/, "PRIMARY KEY")) : undefined;
  if (other?.detail === expected) {
    return [
      { what: `the constraint ${name} is called ${other.name}`, repair: renameConstraint(table, other.name, name) },
    ];
  }
  if (actual === undefined && other === undefined) {
    return [{ what: `the constraint ${name} is missing`, repair: addConstraint(table, name, expected) }];
  }
  const present = other?.name ?? name;
  const isDisabled = actual === `${comparable} DISABLED`;
  const advice = `Run: alter table public.${table} drop constraint ${present === name ? name : quoted(present)}; Then run migrate(), which makes it again.`;
  // Made again, it is checked against the rows that came meanwhile; to enable its triggers takes a superuser, and checks none.
  const what = `the constraint ${present} is ${isDisabled ? "not enforced: its triggers are disabled" : `not ${expected}`}`;
  return [{ what, advice }];
}

function ofIndex(found: Found, table: string, name: string, definition: string): SchemaDifference[] {
  const actual = found.detail("index", table, name);
  if (actual !== undefined && actual !== "invalid") return [];
  const what = `the index ${name} is ${actual ?? "missing"}`;
  return [{ what, repair: createIndex(table, name, definition, actual === "invalid"), isBearable: true }];
}
