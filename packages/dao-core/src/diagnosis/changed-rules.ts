import { embeddedMigrations } from "../migrations/migration-set.ts";
import { SETTINGS } from "../migrations/plan.ts";
import type { SchemaDifference } from "../migrations/schema-check/schema-differences.ts";
import type { SqlDriver } from "../session/driver.ts";

const expected = Object.values(embeddedMigrations.shape.tables).flatMap(({ constraints }) =>
  Object.entries(constraints).filter(([, definition]) => definition.startsWith("CHECK")),
);

/**
 * CHECK constraints of ours that demand something else than ours do. No readiness check can look: the server locks a table
 * to say what its CHECK demands, and waits for whoever alters it. No call fails by one that was widened.
 */
export function findChangedRules(driver: SqlDriver): Promise<SchemaDifference[]> {
  return driver.transaction(
    async (transaction) => {
      // Literals and names are written by these.
      for (const setting of [...SETTINGS, "SET LOCAL timezone TO 'UTC';", "SET LOCAL datestyle TO 'ISO';"]) {
        await transaction.execute(setting, []);
      }
      const { rows } = await transaction.execute(
        `select conrelid::regclass::text, conname, regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') from pg_constraint
         where connamespace = 'public'::regnamespace and contype = 'c' and conname = any ($1::text[])`,
        [`{${expected.map(([name]) => name).join()}}`],
      );
      const found = new Map(rows.map(([table, name, text]) => [name, { table: String(table), text: String(text) }]));
      return expected.flatMap(([name, definition]) => {
        const actual = found.get(name);
        if (actual === undefined || wordsOf(actual.text) === wordsOf(definition)) return [];
        const advice = `Run: alter table ${actual.table} drop constraint ${name}; Then run migrate(), which makes it again.`;
        return [{ what: `the constraint ${name} is ${actual.text}, not ${definition}`, advice }];
      });
    },
    { readOnly: true },
  );
}

/** What differs between versions and settings of the server is left out: casts, brackets, spaces, quotes, case. */
function wordsOf(rule: string): string {
  return rule
    .replace(/::(timestamp with time zone|double precision|[a-z]+)(\[\])?/g, "")
    .replace(/[\s()"]/g, "")
    .toLowerCase();
}
