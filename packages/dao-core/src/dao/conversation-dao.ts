import { and, eq, sql } from "drizzle-orm";
import type { CallOptions } from "../contract/call-options.ts";
import type {
  ConversationCreateDto,
  ConversationDto,
  ConversationListRequest,
  ConversationUpdateDto,
  MessagesAppendDto,
} from "../contract/conversation.ts";
import { conversations } from "../schema/conversations.ts";
import type { ConversationDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/driver.ts";
import { readJson } from "./row-mapper.ts";
import { given, lazily, queryBuilder, run } from "./statement.ts";
import { EntityStatements, TableDao } from "./table-dao.ts";

const statements = new EntityStatements<ConversationDto>(conversations);

const kind = sql`jsonb_typeof(${conversations.messages})`;
const text = sql`${conversations.messages} #>> '{}'`;
const appended = sql`${sql.placeholder("messages")}::jsonb`;
const count = { count: sql`jsonb_array_length(${conversations.messages})`.as("count") };

/** One statement, which locks the row: appenders at the same time come one after the other, and lose nothing. */
const appendToArray = lazily(() =>
  queryBuilder
    .update(conversations)
    .set({ messages: sql`coalesce(nullif(${conversations.messages}, 'null'), '[]') || ${appended}` })
    .where(and(eq(conversations.id, given("id")), sql`${kind} <> 'string'`))
    .returning(count),
);

const findText = lazily(() =>
  queryBuilder
    .select({ text: sql`case when ${kind} = 'string' then ${text} end`.as("text") })
    .from(conversations)
    .where(eq(conversations.id, given("id"))),
);

/** Makes an array of a string, if it is the one that was read. By SQL, which keeps numbers that JavaScript cannot hold. */
const appendToText = lazily(() => {
  const array = sql`case when ${sql.placeholder("isArray")}::boolean then (${text})::jsonb
    else jsonb_build_array(${conversations.messages}) end`;
  return queryBuilder
    .update(conversations)
    .set({ messages: sql`${array} || ${appended}` })
    .where(and(eq(conversations.id, given("id")), sql`${kind} = 'string'`, sql`${text} = ${given("text")}`))
    .returning(count);
});

/** Conversations by SQL. */
export class SqlConversationDao
  extends TableDao<ConversationDto, ConversationCreateDto, ConversationUpdateDto, ConversationListRequest>
  implements ConversationDao
{
  constructor(executor: SqlExecutor) {
    super(executor, statements);
  }

  async appendMessages(id: string, { messages }: MessagesAppendDto, options?: CallOptions): Promise<number | null> {
    for (;;) {
      const { rows } = await run(this.executor, appendToArray(), { id, messages }, options);
      if (rows[0] !== undefined) return Number(rows[0][0]);
      const found = await run(this.executor, findText(), { id }, options);
      if (found.rows[0] === undefined) return null;
      const [held] = found.rows[0];
      // Another writer has made an array of it meanwhile.
      if (typeof held !== "string") continue;
      const values = { id, messages, text: held, isArray: Array.isArray(readJson(held)) };
      const made = await run(this.executor, appendToText(), values, options);
      if (made.rows[0] !== undefined) return Number(made.rows[0][0]);
    }
  }
}
