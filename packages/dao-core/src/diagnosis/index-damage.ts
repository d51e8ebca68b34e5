import { embeddedMigrations } from "../migrations/migration-set.ts";
import type { SchemaName } from "../schema/schema-name.ts";
import type { SqlDriver, SqlExecutor } from "../session/driver.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";

/** Each index with the order of its rows, so that a query in that order scans it. */
const indexes = `
  select i.indrelid::regclass::text, c.relname, i.indisunique,
    string_agg(pg_get_indexdef(i.indexrelid, k, true), ', ' order by k) as columns,
    string_agg(pg_get_indexdef(i.indexrelid, k, true)
      || case when pg_index_column_has_property(i.indexrelid, k, 'desc') then ' desc' else ' asc' end
      || case when pg_index_column_has_property(i.indexrelid, k, 'nulls_first') then ' nulls first' else ' nulls last' end,
      ', ' order by k) as ordered
  from pg_index as i join pg_class as c on c.oid = i.indexrelid, generate_series(1, i.indnkeyatts) as k
  where i.indrelid = any(array(select (quote_ident($2) || '.' || name)::regclass from unnest($1::text[]) as name)) and i.indpred is null
  group by i.indexrelid, i.indrelid, i.indisunique, c.relname order by c.relname`;

/** Whether the database is PGlite, with any driver. */
export async function isEmbedded(executor: SqlExecutor): Promise<boolean> {
  const { rows } = await executor.execute("select version() like '%PGlite%'", []);
  return rows[0]?.[0] === true;
}

/** Finds rows that an index lacks or has twice, and duplicate keys: the damage of a folder that two processes had open. */
export function findIndexDamage(driver: SqlDriver, schema: SchemaName): Promise<string[]> {
  return driver.transaction(
    async (transaction) => {
      const found: string[] = [];
      const { rows } = await transaction.execute(indexes, [
        `{${Object.keys(embeddedMigrations.shape.tables).join()}}`,
        schema.name,
      ]);
      for (const [table, index, isUnique, columns, order] of rows) {
        found.push(...(await damageOf(transaction, { table, index, isUnique, columns, order })));
      }
      return found;
    },
    { readOnly: true },
  );
}

type Index = Readonly<Record<"table" | "index" | "isUnique" | "columns" | "order", unknown>>;

async function damageOf(executor: SqlExecutor, { table, index, isUnique, columns, order }: Index): Promise<string[]> {
  // Identifies each row by its physical position.
  const places = (rows: string) =>
    `select count(*), coalesce(sum(hashtext(ctid::text)::bigint), 0) as places from (${rows}) as place`;
  try {
    await scanBy(executor, "table");
    const { rows: inTable } = await executor.execute(places(`select ctid from ${table}`), []);
    const twice = `select 1 from ${table} where row(${columns}) is not null group by ${columns} having count(*) > 1`;
    const { rows: doubled } = await executor.execute(`select count(*) from (${twice}) as doubled`, []);
    await scanBy(executor, "index");
    const { rows: inIndex } = await executor.execute(
      places(`select ctid from ${table} order by ${order} offset 0`),
      [],
    );
    const [expected, has, keys] = [inTable[0], inIndex[0], doubled[0]?.[0]].map(String);
    return [
      ...(expected === has ? [] : [`${index} has ${inIndex[0]?.[0]} rows where ${table} has ${inTable[0]?.[0]}`]),
      ...(isUnique === true && keys !== "0" ? [`${index} has ${keys} duplicate keys`] : []),
    ];
  } catch (error) {
    const code = databaseErrorFacts(error)?.code ?? "";
    // Class XX: the server itself detected the corruption.
    if (code.startsWith("XX")) return [`${index} or ${table} cannot be read (${code})`];
    throw error;
  }
}

/** Leaves the planner a single kind of scan. */
async function scanBy(executor: SqlExecutor, way: "table" | "index"): Promise<void> {
  const isOn = { seqscan: way === "table", indexscan: way === "index", indexonlyscan: false, bitmapscan: false };
  const settings = Object.entries({ ...isOn, sort: way === "table" }).map(
    ([scan, on]) => `set_config('enable_${scan}', '${on ? "on" : "off"}', true) as ${scan}`,
  );
  await executor.execute(`select ${settings.join()}`, []);
}
