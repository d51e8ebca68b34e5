import type { ConversationDao } from "@flux/dao-core";
import { entityRows, type RunCall } from "@flux/dao-core/engine";
import { sql } from "kysely";
import { entityDao } from "./entity-dao.ts";
import type { Db } from "./kysely-engine.ts";

export function conversationDao(run: RunCall<Db>): ConversationDao {
  return {
    ...entityDao(run, entityRows.conversations),
    appendMessages: (id, { messages }, options) =>
      run(async (db) => {
        const row = await db
          .updateTable("conversations")
          .set({ messages: sql`messages || ${JSON.stringify(messages)}::jsonb` })
          .where("id", "=", id)
          .returning(sql<number>`jsonb_array_length(messages)`.as("count"))
          .executeTakeFirst();
        return row?.count ?? null;
      }, options),
  };
}
