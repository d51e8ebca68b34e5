import type { ConversationDao, JsonValue } from "@flux/dao-core";
import { entityRows, type RunCall } from "@flux/dao-core/engine";
import { sql } from "kysely";
import { entityDao } from "./entity-dao.ts";
import type { Db } from "./kysely-engine.ts";

export function conversationDao(run: RunCall<Db>): ConversationDao {
  return {
    ...entityDao(run, entityRows.conversations),
    appendMessages: (id, { messages }, options) => run((db) => appendMessages(db, id, messages), options),
  };
}

async function appendMessages(db: Db, id: string, messages: readonly JsonValue[]): Promise<number | null> {
  const conversation = db.updateTable("conversations").where("id", "=", id);
  const row = await conversation
    .set({ messages: sql`coalesce(nullif(messages, 'null'), '[]') || ${JSON.stringify(messages)}::jsonb` })
    .where(sql`jsonb_typeof(messages)`, "<>", "string")
    .returning(sql<number>`jsonb_array_length(messages)`.as("count"))
    .executeTakeFirst();
  if (row !== undefined) return row.count;
  const found = await db.selectFrom("conversations").selectAll().where("id", "=", id).executeTakeFirst();
  if (found === undefined) return null;
  // The planner of the Python service writes strings. What such a one is read as takes its place, unless it has changed.
  await conversation
    .set(entityRows.conversations.changes({ messages: entityRows.conversations.read(found).messages }))
    .where("messages", "=", sql`${JSON.stringify(found["messages"])}::jsonb`)
    .execute();
  return appendMessages(db, id, messages);
}
