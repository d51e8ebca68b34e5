import { AsyncLocalStorage } from "node:async_hooks";
import postgres from "postgres";
import { exportByCursor, importByCopy, importByUnnest } from "../../handwritten/task-transfer.ts";
import type { Operations } from "../../operations.ts";
import type { Calls } from "../calls.ts";
import { POOL_SIZE } from "../pool-size.ts";
import { summarizeExport } from "../summarize-export.ts";
import { handwrittenOperations, toRow } from "./handwritten.ts";
import { inTransaction } from "./in-transaction.ts";

/** The yardstick: hand-written SQL on postgres.js. */
export async function open(url: string, calls: Calls): Promise<Operations> {
  const sql = postgres(url, { max: POOL_SIZE });
  return {
    ...handwrittenOperations(sql, calls),
    import: async () => ({ created_count: await importByUnnest(sql, newRows(calls)) }),
    export: () => summarizeExport(exportByCursor(sql)),
  };
}

/** The same without prepared statements, as for a transaction-pooling proxy. */
export async function openUnprepared(url: string, calls: Calls): Promise<Operations> {
  return handwrittenOperations(postgres(url, { max: POOL_SIZE, prepare: false }), calls);
}

/** The same with each operation in a transaction of its own. */
export async function openTransaction(url: string, calls: Calls): Promise<Operations> {
  const sql = postgres(url, { max: POOL_SIZE });
  return inTransaction(handwrittenOperations(sql, calls), (name, call) =>
    sql.begin(async (transaction) => handwrittenOperations(transaction, calls)[name](call)),
  );
}

/** The same with the transaction in the context of its callback, as it takes to refuse statements that are sent past it. */
export async function openTransactionContext(url: string, calls: Calls): Promise<Operations> {
  const sql = postgres(url, { max: POOL_SIZE });
  const transactions = new AsyncLocalStorage<object>();
  return inTransaction(handwrittenOperations(sql, calls), (name, call) =>
    sql.begin((transaction) =>
      transactions.run(transaction, async () => handwrittenOperations(transaction, calls)[name](call)),
    ),
  );
}

/** The fastest import that PostgreSQL supports. */
export async function openCopy(url: string, calls: Calls): Promise<Operations> {
  const sql = postgres(url, { max: POOL_SIZE });
  return { import: async () => ({ created_count: await importByCopy(sql, newRows(calls)) }) };
}

function* newRows(calls: Calls) {
  for (const task of calls.imported()) yield toRow(task);
}
