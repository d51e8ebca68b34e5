import type {
  ConversationCreateDto,
  ConversationDto,
  ConversationListRequest,
  ConversationUpdateDto,
} from "../contract/conversation.ts";
import { conversations } from "../schema/conversations.ts";
import type { ConversationDao } from "../session/daos.ts";
import type { SqlExecutor } from "../session/sql.ts";
import { EntityStatements, TableDao } from "./table-dao.ts";

const statements = new EntityStatements<ConversationDto>(conversations);

/** Conversations by SQL. */
export class SqlConversationDao
  extends TableDao<ConversationDto, ConversationCreateDto, ConversationUpdateDto, ConversationListRequest>
  implements ConversationDao
{
  constructor(executor: SqlExecutor) {
    super(executor, statements);
  }
}
