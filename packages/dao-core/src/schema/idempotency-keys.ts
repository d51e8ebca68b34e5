import { index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { createdAtColumn } from "./columns.ts";

/** What was done once and must not be done again: a request's key, and the answer that it got. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** Whose key it is: two callers may choose the same one. */
    scope: text("scope").notNull(),
    key: text("key").notNull(),
    /** What the request was, so that another one under the same key is told from it. */
    fingerprint: text("fingerprint").notNull(),
    /** JSON text; null only inside the transaction that does the work. */
    result: text("result"),
    createdAt: createdAtColumn(),
  },
  (table) => [
    primaryKey({ name: "idempotency_keys_pkey", columns: [table.scope, table.key] }),
    index("idempotency_keys_created_at_idx").on(table.createdAt),
  ],
);
