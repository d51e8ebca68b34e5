import { eq, sql } from "drizzle-orm";
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
import { given, lazily, queryBuilder, run } from "./statement.ts";
import { EntityStatements, TableDao } from "./table-dao.ts";

const statements = new EntityStatements<ConversationDto>(conversations);

/** One statement, which locks the row: appenders at the same time come one after the other, and lose nothing. */
const appendMessages = lazily(() =>
  queryBuilder
    .update(conversations)
    .set({ messages: sql`${conversations.messages} || ${sql.placeholder("messages")}::jsonb` })
    .where(eq(conversations.id, given("id")))
    .returning({ count: sql`jsonb_array_length(${conversations.messages})`.as("count") }),
);

/** Conversations by SQL. */
export class SqlConversationDao
  extends TableDao<ConversationDto, ConversationCreateDto, ConversationUpdateDto, ConversationListRequest>
  implements ConversationDao
{
  constructor(executor: SqlExecutor) {
    super(executor, statements);
  }

  async appendMessages(id: string, { messages }: MessagesAppendDto, options?: CallOptions): Promise<number | null> {
    const { rows } = await run(this.executor, appendMessages(), { id, messages }, options);
    return rows[0] === undefined ? null : Number(rows[0][0]);
  }
}
