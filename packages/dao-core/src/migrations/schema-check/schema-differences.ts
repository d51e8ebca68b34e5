import type { SchemaName } from "../../schema/schema-name.ts";
import { FEED, feedObjects, resyncOf } from "../change-feed-objects.ts";
import { type MigrationStep, quoted, type SchemaDifference } from "./schema-difference.ts";
import {
  type ColumnWords,
  columnWords,
  mustBeInserted,
  type SchemaFact,
  type SchemaFacts,
  type TableShape,
} from "./schema-facts.ts";

/** Returns what is missing or different from the shape. Additions matter only if they would keep rows from being written. */
export function findSchemaDifferences(facts: SchemaFacts): SchemaDifference[] {
  const tables = Object.entries(facts.shape.tables);
  return [
    ...tables.flatMap(([name, table]) => ofKind(facts, name, table) ?? []),
    ...Object.entries(facts.shape.enums).flatMap(([name, values]) => ofEnum(facts, name, values)),
    ...tables.flatMap(([name, table]) => (facts.detail("table", name) === "table" ? ofTable(facts, name, table) : [])),
    ...ofChangeFeed(facts),
  ];
}

export function hasChangeFeed(facts: SchemaFacts): boolean {
  return facts.detail("change feed", "", FEED) !== undefined;
}

function ofChangeFeed(facts: SchemaFacts): SchemaDifference[] {
  if (!hasChangeFeed(facts)) return [];
  return feedObjects(facts.schema).flatMap(({ kind, table, name, detail, statements }) => {
    const actual = facts.detail("change feed", table, name);
    // A newer release serves beside this one; or, without its table there can be no trigger.
    if (actual === detail || actual === "newer" || (kind === "trigger" && facts.detail("table", table) !== "table"))
      return [];
    const what = `the ${kind} ${name}${kind === "trigger" ? ` of ${table}` : ""}`;
    // As pg_restore --no-acl leaves it.
    const isPublic = actual === `${detail} public`;
    const isDifferent = isPublic ? "open to every role" : kind === "trigger" ? "disabled" : "not this release's";
    // Followers have missed what was written without the trigger.
    const resync = kind === "trigger" ? [resyncOf(facts.schema, table)] : [];
    return [
      {
        what: `${what} is ${actual === undefined ? "missing" : isDifferent}`,
        repair: { name: what, statements: [...statements, ...resync] },
        isBearable: isPublic,
      },
    ];
  });
}

function ofKind(facts: SchemaFacts, name: string, { columns }: TableShape): SchemaDifference | undefined {
  const kind = facts.detail("table", name);
  if (kind === "table") return undefined;
  if (kind === undefined) {
    const definitions = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
    const create = `create table ${facts.schema.readable(name)} (${definitions.join(", ")});`;
    const advice = `Restore it from a backup. If its rows are lost for good, run: ${create} Then run migrate().`;
    return { what: `the table ${name} is missing`, advice };
  }
  if (kind === "unlogged") {
    const what = `the table ${name} is unlogged: its rows would not survive a crash`;
    return { what, advice: `Run: alter table ${facts.schema.readable(name)} set logged;` };
  }
  const what = `${name} is ${kind === "view" ? "a view" : "something else"}, not a table`;
  return { what, advice: "Rename it, then restore the table." };
}

function ofEnum(facts: SchemaFacts, name: string, values: readonly string[]): SchemaDifference[] {
  const detail = facts.detail("enum", name);
  const create = `create type ${facts.schema.readable(name)} as enum (${values.map((value) => `'${value}'`).join(", ")});`;
  if (detail === undefined) return [{ what: `the type ${name} is missing`, advice: `Run: ${create}` }];
  if (detail === "") {
    const what = `the type ${name} is not an enum, or has no values`;
    return [{ what, advice: `Run: alter type ${facts.schema.readable(name)} rename to other_${name}; ${create}` }];
  }
  const present = detail.split(", ");
  const missing = values.filter((value) => !present.includes(value));
  const unknown = present.filter((value) => !values.includes(value));
  return missing.map((value) => {
    const what = `the value ${value} of the type ${name} is missing`;
    // Rows may have the unknown value in place of this one.
    if (unknown.length === 0) {
      const next = values.slice(values.indexOf(value)).find((later) => present.includes(later));
      const add = `ALTER TYPE ${facts.schema.qualified(name)} ADD VALUE '${value}'${next === undefined ? "" : ` BEFORE '${next}'`};`;
      return { what, repair: { name: `the value ${value} of ${name}`, statements: [add] } };
    }
    const rename = `alter type ${facts.schema.readable(name)} rename value '${unknown[0]}' to '${value}';`;
    return { what: `${what}, but it has ${unknown.join(", ")}`, advice: `If it was renamed, run: ${rename}` };
  });
}

function ofTable(facts: SchemaFacts, name: string, table: TableShape): SchemaDifference[] {
  const extra = facts.of("column", name).filter((column) => !Object.hasOwn(table.columns, column.name));
  const missing = Object.keys(table.columns).filter((column) => facts.detail("column", name, column) === undefined);
  // Whatever was dropped with a column is recreated by the next migrate() after the column has been restored.
  const isWhole = ([, definition]: [string, string]) =>
    !missing.some((column) => new RegExp(`\\b${column}\\b`).test(definition));
  return [
    ...Object.entries(table.columns).flatMap(([column, expected]) => ofColumn(facts, name, column, expected, extra)),
    ...extra.filter(({ detail }) => mustBeInserted(columnWords(detail))).map((column) => ofExtraColumn(facts, column)),
    ...facts.of("rule", name).map((rule) => ({
      what: `the rule ${rule.name} rewrites statements that write to ${name}`,
      advice: `Run: drop rule ${quoted(rule.name)} on ${facts.schema.readable(name)};`,
    })),
    ...Object.entries(table.constraints)
      .filter(isWhole)
      .flatMap(([constraint, expected]) => ofConstraint(facts, name, constraint, expected) ?? []),
    ...Object.entries(table.indexes)
      .filter(isWhole)
      .flatMap(([index, definition]) => ofIndex(facts, name, index, definition) ?? []),
  ];
}

function ofColumn(
  facts: SchemaFacts,
  table: string,
  column: string,
  expectedText: string,
  extra: readonly SchemaFact[],
): SchemaDifference[] {
  const actualText = facts.detail("column", table, column);
  const where = `${table}.${column}`;
  const alter = `alter table ${facts.schema.readable(table)}`;
  const expected = columnWords(expectedText);
  if (actualText === undefined) {
    const twin = extra.find(({ detail }) => columnWords(detail).type === expected.type);
    const renamed =
      twin === undefined ? "" : `If it was renamed, run: ${alter} rename ${quoted(twin.name)} to ${column}; `;
    // Without a default NOT NULL would fail on existing rows; migrate() sets it once they have values.
    const definition = expected.default === undefined ? expected.type : expectedText;
    const advice = `${renamed}If its values are lost for good, run: ${alter} add ${column} ${definition}; Then run migrate().`;
    return [{ what: `the column ${where} is missing`, advice }];
  }
  const actual = columnWords(actualText);
  if (actual.type !== expected.type) {
    const what = `${where} is ${actual.type}, not ${expected.type}`;
    return [{ what, advice: typeAdvice(alter, column, actual, expected) }];
  }
  const change = `ALTER TABLE ${facts.schema.qualified(table)} ALTER COLUMN "${column}" SET`;
  const differences: SchemaDifference[] = [];
  if (expected.default !== undefined && actual.default === undefined) {
    const repair = { name: `the default of ${where}`, statements: [`${change} DEFAULT ${expected.default};`] };
    differences.push({ what: `${where} has no default`, repair });
  }
  if (expected.isRequired && !actual.isRequired) {
    const advice = `Find them: select * from ${facts.schema.readable(table)} where ${column} is null;`;
    const repair = { name: `NOT NULL of ${where}`, statements: [`${change} NOT NULL;`], advice };
    differences.push({ what: `${where} is nullable`, repair });
  } else if (actual.isRequired && !expected.isRequired) {
    const advice = `Run: ${alter} alter ${column} drop not null;`;
    differences.push({ what: `${where} is not nullable`, advice, isStricter: true });
  }
  return differences;
}

/** Types that a value is cast to directly. To any other it is cast through text. */
const HAS_CASTS = /^(?:text|character varying.*|integer|double precision|boolean)$/;

function typeAdvice(alter: string, column: string, actual: ColumnWords, { type }: ColumnWords): string {
  if (actual.isGenerated) {
    return `Run: ${alter} alter ${column} drop ${actual.type.endsWith(" IDENTITY") ? "identity" : "expression"};`;
  }
  // To most types, enums among them, not every other type has a cast, but all have one through text.
  const cast = HAS_CASTS.test(type) ? type : `text::${type}`;
  const change = `alter ${column} type ${type} using ${column}::${cast};`;
  // The old type's default does not fit the new type; migrate() sets it again.
  if (actual.default === undefined) return `Run: ${alter} ${change}`;
  return `Run: ${alter} alter ${column} drop default, ${change} Then run migrate().`;
}

/** The library writes no value for such a column. */
function ofExtraColumn({ schema }: SchemaFacts, { table, name }: SchemaFact): SchemaDifference {
  const advice = `Run: alter table ${schema.readable(table)} alter ${quoted(name)} drop not null; or give it a default.`;
  return { what: `${table}.${name}, an extra column, is NOT NULL and has no default`, advice };
}

function ofConstraint(facts: SchemaFacts, table: string, name: string, expected: string): SchemaDifference | undefined {
  const actual = facts.detail("constraint", table, name);
  const columns = [...expected.matchAll(/"(\w+)"/g)].map(([, column = ""]) => column);
  const comparable = expected.startsWith("CHECK") ? `CHECK (${[...new Set(columns)].toSorted().join(", ")})` : expected;
  // A unique index of the same name is equivalent, even in error messages.
  if (actual === comparable || facts.detail("index", table, name) === expected) return undefined;
  // Under another name it works the same, but its violations are not recognized. There can be only one primary key.
  const start = expected.replace(/^PRIMARY KEY.*/, "PRIMARY KEY");
  const isAlike = ({ detail }: { readonly detail: string }) => detail.startsWith(start);
  const other = actual === undefined ? facts.of("constraint", table).find(isAlike) : undefined;
  const alter = `ALTER TABLE ${facts.schema.qualified(table)}`;
  if (other?.detail === expected) {
    const rename = `${alter} RENAME CONSTRAINT ${quoted(other.name)} TO "${name}";`;
    const repair = { name: `the name of the constraint ${name}`, statements: [rename] };
    return { what: `the constraint ${name} is named ${other.name}`, repair };
  }
  if (actual === undefined && other === undefined) {
    return { what: `the constraint ${name} is missing`, repair: addConstraint(facts.schema, table, name, expected) };
  }
  const present = other?.name ?? name;
  const drop = `alter table ${facts.schema.readable(table)} drop constraint ${present === name ? name : quoted(present)};`;
  // Recreating it checks the rows written in the meantime; enabling its triggers takes a superuser and checks none.
  const isDisabled = actual === `${comparable} DISABLED`;
  const what = `the constraint ${present} is ${isDisabled ? "not enforced: its triggers are disabled" : `not ${expected}`}`;
  return { what, advice: `Run: ${drop} Then run migrate(), which recreates it.` };
}

/** A CHECK or foreign key that rows violate stays NOT VALID, as in an adopted database; a key cannot. */
function addConstraint(schema: SchemaName, table: string, constraint: string, definition: string): MigrationStep {
  const name = `the constraint ${constraint}`;
  // A foreign key refers to a table of the same schema.
  const qualified = definition.replace(
    / REFERENCES (\w+)/,
    (_, parent: string) => ` REFERENCES ${schema.qualified(parent)}`,
  );
  const add = `ALTER TABLE ${schema.qualified(table)} ADD CONSTRAINT "${constraint}" ${qualified}`;
  const keyColumns = /^(?:PRIMARY KEY|UNIQUE) \((.*)\)$/.exec(definition)?.[1];
  if (keyColumns === undefined) {
    const validate = `ALTER TABLE ${schema.qualified(table)} VALIDATE CONSTRAINT "${constraint}";`;
    const unlessViolated = `DO $validate$ BEGIN ${validate} EXCEPTION WHEN check_violation OR foreign_key_violation THEN NULL; END $validate$;`;
    return { name, statements: [`${add} NOT VALID;`, unlessViolated] };
  }
  const duplicates = `select ${keyColumns}, count(*) from ${schema.readable(table)} group by ${keyColumns} having count(*) > 1;`;
  return { name, isKey: true, statements: [`${add};`], advice: `Find them: ${duplicates}` };
}

function ofIndex(facts: SchemaFacts, table: string, name: string, definition: string): SchemaDifference | undefined {
  const actual = facts.detail("index", table, name);
  if (actual !== undefined && actual !== "invalid") return undefined;
  const create = `CREATE INDEX "${name}" ON ${facts.schema.qualified(table)} USING ${definition};`;
  // A failed CREATE INDEX CONCURRENTLY leaves an invalid one behind.
  const statements = actual === undefined ? [create] : [`DROP INDEX ${facts.schema.qualified(name)};`, create];
  const repair = { name: `the index ${name}`, statements };
  return { what: `the index ${name} is ${actual ?? "missing"}`, repair, isBearable: true };
}
