import type { EntityDao, PageRequest } from "@flux/dao-core";
import type { EntityRows, ListPlan, RunCall } from "@flux/dao-core/engine";
import { sql } from "kysely";
import type { Db } from "./kysely-engine.ts";

/** CRUD over any table. */
export function entityDao<Dto extends object, Create extends object, Update extends object, List extends PageRequest>(
  run: RunCall<Db>,
  rows: EntityRows<Dto>,
): EntityDao<Dto, Create, Update, List> {
  const { table } = rows;
  const byId = (db: Db, id: string) => db.selectFrom(table).selectAll().where("id", "=", id);
  const read = (row: object | undefined) => (row === undefined ? null : rows.read(row));
  return {
    create: (input, options) =>
      run(async (db) => {
        const values = rows.insertion(input, {}, options?.id);
        return rows.read(await db.insertInto(table).values(values).returningAll().executeTakeFirstOrThrow());
      }, options),
    findById: (id, options) => run(async (db) => read(await byId(db, id).executeTakeFirst()), options),
    lockById: (id, options) => run(async (db) => read(await byId(db, id).forUpdate().executeTakeFirst()), options),
    list: (request, options) =>
      run((db) => {
        const plan = rows.list(request);
        return listPage(db, table, plan);
      }, options),
    update: (id, changes, options) =>
      run(async (db) => {
        const values = rows.changes(changes);
        if (Object.keys(values).length === 0) return read(await byId(db, id).executeTakeFirst());
        return read(await db.updateTable(table).set(values).where("id", "=", id).returningAll().executeTakeFirst());
      }, options),
    delete: (id, options) =>
      run(async (db) => {
        const { numDeletedRows } = await db.deleteFrom(table).where("id", "=", id).executeTakeFirst();
        return numDeletedRows > 0n;
      }, options),
  };
}

/** The page and its total in one statement, so that both are of one moment. */
async function listPage<Dto>(db: Db, table: string, plan: ListPlan<Dto>) {
  const { filters, behind, countUpTo } = plan;
  const filtered = db.selectFrom(table).where((where) => where.and(filters));
  const ones = filtered.select(sql`1`.as("one"));
  const page = filtered
    .selectAll()
    .$if(behind !== undefined, (query) =>
      query.where(sql<boolean>`(created_at, id) < (${behind?.createdAt}::timestamptz, ${behind?.id}::uuid)`),
    )
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(plan.limit)
    .offset(plan.skip);
  if (countUpTo === 0) return plan.toPage(await page.execute(), 0, async () => 0);
  const counted = db
    .selectFrom((countUpTo === undefined ? ones : ones.limit(countUpTo)).as("some"))
    .select(({ fn }) => fn.countAll<string>().as("total"));
  const rows = await db
    .selectFrom(counted.as("counted"))
    .leftJoin(page.as("page"), (join) => join.onTrue())
    .selectAll("page")
    .select("counted.total")
    .orderBy("page.created_at", "desc")
    .orderBy("page.id", "desc")
    .execute();
  // A page beyond the last row is one row that holds nothing but the total.
  const found = rows[0]?.["id"] === null ? [] : rows;
  return plan.toPage(found, Number(rows[0]?.total), () => estimate(ones));
}

/** How many rows the planner expects. */
async function estimate(query: { explain(format: "json"): Promise<Record<string, unknown>[]> }): Promise<number> {
  const [answer] = await query.explain("json");
  const plan = answer?.["QUERY PLAN"];
  return Array.isArray(plan) ? Number(plan[0]?.Plan?.["Plan Rows"]) : Number.NaN;
}
