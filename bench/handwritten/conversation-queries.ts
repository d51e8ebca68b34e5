import type { SqlTag } from "./sql-tag.ts";

/** The yardstick: the queries on conversations, written by hand. */
export class ConversationQueries {
  readonly #sql: SqlTag;

  constructor(sql: SqlTag) {
    this.#sql = sql;
  }

  /** @returns the new number of messages; `undefined` if there is no such conversation */
  async append(id: string, messages: readonly unknown[]): Promise<number | undefined> {
    const [appended] = await this.#sql<{ count: number }[]>`
      update conversations set messages = messages || ${JSON.stringify(messages)}::text::jsonb where id = ${id}
      returning jsonb_array_length(messages) as count`;
    return appended?.count;
  }
}
