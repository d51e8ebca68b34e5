import pg from "pg";
import type { SqlTag, SqlValue } from "../../handwritten/sql-tag.ts";
import type { Operations } from "../../operations.ts";
import type { Calls } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { handwrittenOperations } from "./handwritten.ts";

/** The same hand-written SQL on pg, with a named prepared statement per text. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const pool = new pg.Pool({ connectionString: url, max: POOL_SIZE });
  const statements = new WeakMap<TemplateStringsArray, { name: string; text: string }>();
  let prepared = 0;
  const sql: SqlTag = async <Rows extends readonly object[]>(template: TemplateStringsArray, ...values: SqlValue[]) => {
    let statement = statements.get(template);
    if (statement === undefined) {
      const text = template.reduce((sum, part, index) => `${sum}$${index}${part}`);
      statement = { name: `statement-${++prepared}`, text };
      statements.set(template, statement);
    }
    const { rows, rowCount } = await pool.query({ ...statement, values });
    return Object.assign(rows as unknown as Rows, { count: rowCount ?? 0 });
  };
  return handwrittenOperations(sql, calls);
}
