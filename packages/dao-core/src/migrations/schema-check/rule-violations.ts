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
       else format('%1$I.%2$I is null or exists (select from %3$s parent where parent.%4$I = %1$I.%2$I)',
         c.relname, a.attname, k.confrelid::regclass, p.attname) end as expression
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
     left join pg_attribute p on p.attrelid = k.confrelid and p.attnum = k.confkey[1]
     where n.nspname = $1 and k.contype in ('c', 'f') and not k.convalidated and k.conname in (${names})
     order by c.relname, k.conname`,
    [schema.name],
  );
  return rows.map(([table, constraint, expression]) => ({
    table: String(table),
    constraint: String(constraint),
    expression: String(expression),
  }));
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
    violations.push(violationOf(schema, table, constraint, Number(rows[0]?.[0] ?? 0), `select * ${condition};`));
  }
  return violations;
}

function violationOf(
  schema: SchemaName,
  table: string,
  constraint: string,
  rows: number,
  query: string,
): RuleViolation {
  const { field, message: rule } = CONSTRAINT_RULES[constraint] ?? {
    field: FOREIGN_KEY_FIELDS[constraint] ?? constraint,
    message: "must refer to a row that exists",
  };
  const message =
    rows === 0
      ? `Every row of ${table} now satisfies the rule "${field} ${rule}" (${constraint}). Run the validation.`
      : `${rows} ${rows === 1 ? "row" : "rows"} of ${table} violate${rows === 1 ? "s" : ""} the rule "${field} ${rule}" ` +
        `(${constraint}), which is newer. They were not changed, but updates are refused until the row satisfies the rule. ` +
        "Find them with the query, fix them, then run the validation.";
  const validation = `alter table ${schema.qualified(table)} validate constraint "${constraint}";`;
  return { table, constraint, rows, query, validation, message };
}
