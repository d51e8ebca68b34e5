import { index, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { createdAtColumn } from "./columns.ts";

/** The keys of work that must not be done twice, with its results. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    /** Whose key it is: two callers may choose the same one. */
    scope: text("scope").notNull(),
    key: text("key").notNull(),
    /** Identifies the work, to detect other work under the same key. */
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
