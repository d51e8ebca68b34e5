import { CONSTRAINT_RULES, FOREIGN_KEY_FIELDS } from "../../schema/constraints.ts";
import type { SchemaName } from "../../schema/schema-name.ts";
import type { SqlExecutor } from "../../session/driver.ts";

/** A rule that the database enforces on writes, but that existing rows may violate. */
export interface RuleViolation {
  readonly table: string;
  /** The CHECK constraint or foreign key, which is NOT VALID. */
  readonly constraint: string;
  /** How many rows violate it now. */
  readonly rows: number;
  /** The statement that finds them. */
  readonly query: string;
  /** The statement that validates the rule once no row violates it. */
  readonly validation: string;
  /** What this means and what to do, in sentences. */
  readonly message: string;
}

/** A CHECK constraint or foreign key that is NOT VALID. */
export interface UnvalidatedRule {
  readonly table: string;
  readonly constraint: string;
  /** The condition that a row must meet, in SQL. */
  readonly expression: string;
}

/** Finds the rules that are not validated, with one catalog query. */
export async function findUnvalidatedRules(executor: SqlExecutor, schema: SchemaName): Promise<UnvalidatedRule[]> {
  const names = Object.keys({ ...CONSTRAINT_RULES, ...FOREIGN_KEY_FIELDS })
    .map((name) => `'${name}'`)
    .join(", ");
  const { rows } = await executor.execute(
    `select c.relname::text as "table", k.conname::text as name, case k.contype
       when 'c' then pg_get_expr(k.conbin, k.conrelid)
       else format('%1$I.%2$I is null or exists (select from %3$I.%4$I parent where parent.%5$I = %1$I.%2$I)',
         c.relname, a.attname, m.nspname, r.relname, p.attname) end as expression
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_class r on r.oid = k.confrelid left join pg_namespace m on m.oid = r.relnamespace
     left join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
     left join pg_attribute p on p.attrelid = k.confrelid and p.attnum = k.confkey[1]
     where n.nspname = $1 and k.contype in ('c', 'f') and not k.convalidated and k.conname in (${names})
     order by c.relname, k.conname`,
    [schema.name],
  );
  return rows.map((row) => {
    const [table = "", constraint = "", expression = ""] = row.map(String);
    return { table, constraint, expression };
  });
}

/** Counts the rows that violate each of `rules`, by a scan of its table without a lock that blocks others. */
export async function countViolations(
  executor: SqlExecutor,
  schema: SchemaName,
  rules: readonly UnvalidatedRule[],
): Promise<RuleViolation[]> {
  const violations: RuleViolation[] = [];
  for (const { table, constraint, expression } of rules) {
    const condition = `from ${schema.qualified(table)} where not (${expression})`;
    const { rows } = await executor.execute(`select count(*) as rows ${condition}`, []);
    const count = Number(rows[0]?.[0] ?? 0);
    violations.push({
      table,
      constraint,
      rows: count,
      query: `select * ${condition};`,
      validation: `alter table ${schema.qualified(table)} validate constraint "${constraint}";`,
      message: describe(table, constraint, count),
    });
  }
  return violations;
}

function describe(table: string, constraint: string, rows: number): string {
  const { field, message } = CONSTRAINT_RULES[constraint] ?? {
    field: FOREIGN_KEY_FIELDS[constraint] ?? constraint,
    message: "must refer to a row that exists",
  };
  const rule = `the rule "${field} ${message}" (${constraint})`;
  if (rows === 0) return `Every row of ${table} now satisfies ${rule}. Run the validation.`;
  return (
    `${rows === 1 ? `1 row of ${table} violates` : `${rows} rows of ${table} violate`} ${rule}, which is newer. They were not ` +
    "changed, but updates are refused until the row satisfies the rule. Find them with the query, fix them, then run the validation."
  );
}
