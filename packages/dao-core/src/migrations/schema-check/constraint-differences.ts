import { type MigrationStep, quoted, type SchemaDifference } from "./schema-difference.ts";
import type { SchemaFacts } from "./schema-facts.ts";

/** How a constraint differs from its definition; `undefined` if it does not. */
export function ofConstraint(
  facts: SchemaFacts,
  table: string,
  name: string,
  expected: string,
): SchemaDifference | undefined {
  const actual = facts.detail("constraint", table, name);
  const columns = [...expected.matchAll(/"(\w+)"/g)].map(([, column = ""]) => column);
  const comparable = expected.startsWith("CHECK") ? `CHECK (${[...new Set(columns)].toSorted().join(", ")})` : expected;
  // A unique index of the same name is equivalent, even in error messages.
  if (actual === comparable || facts.detail("index", table, name) === expected) return undefined;
  // Under another name it works the same, but its violations are not recognized. There can be only one primary key.
  const start = expected.replace(/^PRIMARY KEY.*/, "PRIMARY KEY");
  const isAlike = ({ detail }: { readonly detail: string }) => detail.startsWith(start);
  const other = actual === undefined ? facts.of("constraint", table).find(isAlike) : undefined;
  const alter = `ALTER TABLE "public"."${table}"`;
  if (other?.detail === expected) {
    const rename = `${alter} RENAME CONSTRAINT ${quoted(other.name)} TO "${name}";`;
    const repair = { name: `the name of the constraint ${name}`, statements: [rename] };
    return { what: `the constraint ${name} is named ${other.name}`, repair };
  }
  if (actual === undefined && other === undefined) {
    return { what: `the constraint ${name} is missing`, repair: addConstraint(table, name, expected) };
  }
  const present = other?.name ?? name;
  const drop = `alter table public.${table} drop constraint ${present === name ? name : quoted(present)};`;
  // Recreating it checks the rows written in the meantime; enabling its triggers takes a superuser and checks none.
  const isDisabled = actual === `${comparable} DISABLED`;
  const what = `the constraint ${present} is ${isDisabled ? "not enforced: its triggers are disabled" : `not ${expected}`}`;
  return { what, advice: `Run: ${drop} Then run migrate(), which recreates it.` };
}

/** A CHECK or foreign key that rows violate stays NOT VALID, as in an adopted database; a key cannot. */
function addConstraint(table: string, constraint: string, definition: string): MigrationStep {
  const name = `the constraint ${constraint}`;
  const add = `ALTER TABLE "public"."${table}" ADD CONSTRAINT "${constraint}" ${definition}`;
  const keyColumns = /^(?:PRIMARY KEY|UNIQUE) \((.*)\)$/.exec(definition)?.[1];
  if (keyColumns === undefined) {
    const validate = `ALTER TABLE "public"."${table}" VALIDATE CONSTRAINT "${constraint}";`;
    const unlessViolated = `DO $validate$ BEGIN ${validate} EXCEPTION WHEN check_violation OR foreign_key_violation THEN NULL; END $validate$;`;
    return { name, statements: [`${add} NOT VALID;`, unlessViolated] };
  }
  const duplicates = `select ${keyColumns}, count(*) from public.${table} group by ${keyColumns} having count(*) > 1;`;
  return { name, isKey: true, statements: [`${add};`], advice: `Find them: ${duplicates}` };
}

/** How an index differs from its definition; `undefined` if it does not. */
export function ofIndex(
  facts: SchemaFacts,
  table: string,
  name: string,
  definition: string,
): SchemaDifference | undefined {
  const actual = facts.detail("index", table, name);
  if (actual !== undefined && actual !== "invalid") return undefined;
  const create = `CREATE INDEX "${name}" ON "public"."${table}" USING ${definition};`;
  // A failed CREATE INDEX CONCURRENTLY leaves an invalid one behind.
  const statements = actual === undefined ? [create] : [`DROP INDEX "public"."${name}";`, create];
  const repair = { name: `the index ${name}`, statements };
  return { what: `the index ${name} is ${actual ?? "missing"}`, repair, isBearable: true };
}
