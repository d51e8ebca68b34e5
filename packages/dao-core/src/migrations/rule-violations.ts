import type { CallOptions } from "../contract/call-options.ts";
import { CONSTRAINT_RULES } from "../schema/constraints.ts";
import type { SqlExecutor } from "../session/sql.ts";

/** A rule that the database enforces on what is written, but does not vouch for in the rows that were there before. */
export interface RuleViolation {
  readonly table: string;
  /** The CHECK constraint, which is NOT VALID. */
  readonly constraint: string;
  /** How many rows break it now. */
  readonly rows: number;
  /** The statement that finds them. */
  readonly query: string;
  /** The statement that makes the rule valid once no row breaks it. */
  readonly validation: string;
  /** What this means and what to do, for a person. */
  readonly message: string;
}

/**
 * The rules of our tables that are not validated, each with the number of rows that break it: what a takeover of the
 * Python service's database left to do. None on any other database, at the cost of one look at the catalog; where there
 * are some, each takes a scan of its table.
 */
export async function findRuleViolations(executor: SqlExecutor, options?: CallOptions): Promise<RuleViolation[]> {
  const names = Object.keys(CONSTRAINT_RULES)
    .map((name) => `'${name}'`)
    .join(", ");
  const { rows: constraints } = await executor.execute(
    `select c.relname::text as "table", k.conname::text as name, pg_get_expr(k.conbin, k.conrelid) as rule
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'public' and k.contype = 'c' and not k.convalidated and k.conname in (${names})
     order by c.relname, k.conname`,
    [],
    options,
  );
  const violations: RuleViolation[] = [];
  for (const [table, name, rule] of constraints) {
    const condition = `from "public"."${table}" where not (${rule})`;
    const { rows } = await executor.execute(`select count(*) as rows ${condition}`, [], options);
    violations.push(describe(String(table), String(name), Number(rows[0]?.[0] ?? 0), `select * ${condition};`));
  }
  return violations;
}

function describe(table: string, constraint: string, rows: number, query: string): RuleViolation {
  const { field, message: rule } = CONSTRAINT_RULES[constraint] ?? { field: constraint, message: "must keep its rule" };
  const message =
    rows === 0
      ? `${table}: ${field} ${rule} (${constraint}) is kept by every row now. Run the validation.`
      : `${rows} ${rows === 1 ? "row" : "rows"} of ${table} broke a rule before it was one: ${field} ${rule} ` +
        `(${constraint}). They are as they were, and an update of such a row is refused until the row keeps the rule. ` +
        "Find them by the query, correct them, then run the validation.";
  const validation = `alter table "public"."${table}" validate constraint "${constraint}";`;
  return { table, constraint, rows, query, validation, message };
}
