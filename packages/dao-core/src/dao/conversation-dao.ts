import { and, eq, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { CallOptions, CreateOptions } from "../contract/call-options.ts";
import type {
  ConversationCreateDto,
  ConversationDto,
  ConversationListRequest,
  ConversationUpdateDto,
  MessagesAppendDto,
} from "../contract/conversation.ts";
import { ValidationError } from "../contract/errors.ts";
import type { ConversationDao } from "../session/database-session.ts";
import type { SchemaExecutor } from "../session/driver.ts";
import { withDeadline } from "../session/waiting/deadline.ts";
import { encode, one, param, prepared, queryBuilder, readJson, run } from "./statement/statement.ts";
import { conversations } from "./statement/tables.ts";
import { textParam } from "./statement/text-columns.ts";
import { entityStatements, TableDao } from "./table-dao.ts";

/** The statements on conversations, shared with the reads in pieces. */
export const conversationStatements = entityStatements<ConversationDto>(conversations);

const kind = sql`jsonb_typeof(${conversations.messages})`;
const text = sql`${conversations.messages} #>> '{}'`;
const appended = textParam("messages", "jsonb");
const append = (messages: SQLWrapper) => sql`(coalesce(nullif(${messages}, 'null'), '[]') || ${appended})`;
const limit = sql`${sql.placeholder("limit")}::bigint`;
const held = sql.identifier("held");
/**
 * Serialized for measuring only if it may exceed the limit, since that costs as much as the append: text has less than 32 bytes
 * per stored byte (a number such as 1e308 has most; those that a double cannot hold are no longer accepted).
 */
const isWithinLimit = sql`case
  when 32 * pg_column_size(${held})::bigint + octet_length(${param("messages")}::text) <= ${limit} then true
  else octet_length(${append(held)}::text) <= ${limit} end`;
/** A condition on the messages, which are decompressed only once. */
const ofHeld = (condition: SQL) =>
  sql`(select ${condition} from (select ${conversations.messages} #> '{}' as ${held} offset 0) as decompressed)`;
const count = { count: sql`jsonb_array_length(${conversations.messages})`.as("count") };

/** A single statement, which locks the row, so that concurrent appends run one after the other, and none is lost. */
const appendToArray = prepared("write", () =>
  queryBuilder
    .update(conversations)
    .set({ messages: append(conversations.messages) })
    .where(and(eq(conversations.id, param("id")), ofHeld(sql`jsonb_typeof(${held}) <> 'string' and ${isWithinLimit}`)))
    .returning(count),
);

const findText = prepared("read", () =>
  queryBuilder
    .select({
      text: sql`case when ${kind} = 'string' then ${text} end`.as("text"),
      // A string is measured as the only member of an array: its text is no longer than its JSON.
      isWithinLimit: ofHeld(isWithinLimit).as("is_within_limit"),
    })
    .from(conversations)
    .where(eq(conversations.id, param("id"))),
);

/** Converts the string to an array, if it is unchanged. In SQL, which keeps numbers that JavaScript cannot represent. */
const appendToText = prepared("write", () => {
  const array = sql`case when ${sql.placeholder("isArray")}::boolean then (${text})::jsonb
    else jsonb_build_array(${conversations.messages}) end`;
  return queryBuilder
    .update(conversations)
    .set({ messages: sql`${array} || ${appended}` })
    .where(and(eq(conversations.id, param("id")), sql`${kind} = 'string'`, sql`${text} = ${param("text")}`))
    .returning(count);
});

/** Whether these messages, which exceed the limit, are at most as long as those that they replace. */
const isNoGrowth = sql`octet_length(${conversations.messages}::text) >= octet_length(${appended}::text)`;

const exists = prepared("point", () =>
  queryBuilder
    .select(one)
    .from(conversations)
    .where(eq(conversations.id, param("id"))),
);

/** Conversations by SQL. */
export class SqlConversationDao
  extends TableDao<ConversationDto, ConversationCreateDto, ConversationUpdateDto, ConversationListRequest>
  implements ConversationDao
{
  readonly #limit: number;

  /** @param limit maximum bytes of a conversation's messages as JSON text */
  constructor(executor: SchemaExecutor, limit: number) {
    super(executor, conversationStatements);
    this.#limit = limit;
  }

  override async create(input: ConversationCreateDto, options?: CreateOptions): Promise<ConversationDto> {
    if (this.#isTooLong(input.messages)) throw this.#tooLong();
    return super.create(input, options);
  }

  override async update(
    id: string,
    changes: ConversationUpdateDto,
    options: CallOptions = {},
  ): Promise<ConversationDto | null> {
    if (!this.#isTooLong(changes.messages)) return super.update(id, changes, options);
    return withDeadline(options, async (bounded) => {
      const row = await this.updateWhere(isNoGrowth, id, changes, bounded);
      if (row !== null) return row;
      const { rows } = await run(this.executor, exists(), { id }, bounded);
      if (rows[0] === undefined) return null;
      throw this.#tooLong();
    });
  }

  #isTooLong(messages: unknown): boolean {
    return Array.isArray(messages) && Buffer.byteLength(String(encode("messages", messages))) > this.#limit;
  }

  #tooLong(): ValidationError {
    const message = `must have at most ${this.#limit} bytes of JSON text in all: begin another conversation, or shorten this one`;
    return new ValidationError([{ path: "messages", message }], { isTooLarge: true });
  }

  appendMessages(id: string, input: MessagesAppendDto, options: CallOptions = {}): Promise<number | null> {
    return withDeadline(options, (bounded) => this.#append(id, input, bounded));
  }

  async #append(id: string, { messages }: MessagesAppendDto, options: CallOptions): Promise<number | null> {
    const limit = this.#limit;
    for (;;) {
      const { rows } = await run(this.executor, appendToArray(), { id, messages, limit }, options);
      if (rows[0] !== undefined) return Number(rows[0][0]);
      const found = await run(this.executor, findText(), { id, messages, limit }, options);
      if (found.rows[0] === undefined) return null;
      const [held, isWithin] = found.rows[0];
      if (isWithin === false) throw this.#tooLong();
      // Another writer has converted it in the meantime.
      if (typeof held !== "string") continue;
      const values = { id, messages, text: held, isArray: Array.isArray(readJson(held)) };
      const made = await run(this.executor, appendToText(), values, options);
      if (made.rows[0] !== undefined) return Number(made.rows[0][0]);
    }
  }
}
