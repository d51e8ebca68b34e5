import pg from "pg";

/** The SQL of the Python service (SQLAlchemy 2 on asyncpg), from its log. */
export class RecordedSql {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async connect(url: string): Promise<RecordedSql> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return new RecordedSql(client);
  }

  end(): Promise<void> {
    return this.#client.end();
  }

  async #insert(text: string, ...parameters: unknown[]): Promise<string> {
    const id = crypto.randomUUID();
    await this.#client.query(text, [...parameters, id, "2026-02-14T18:02:14.713473+00:00"]);
    return id;
  }

  /** @param preferences JSON text */
  user(email: string, preferences: string): Promise<string> {
    return this.#insert(
      "INSERT INTO users (name, email, preferences, demo_mode, id, created_at) VALUES ($1::VARCHAR, $2::VARCHAR, $3::JSONB, $4::BOOLEAN, $5::UUID, $6::TIMESTAMP WITH TIME ZONE)",
      ...["Jane", email, preferences, false],
    );
  }

  goal(userId: string): Promise<string> {
    return this.#insert(
      "INSERT INTO goals (user_id, title, category, timeline, status, id, created_at) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR, $5::VARCHAR, $6::UUID, $7::TIMESTAMP WITH TIME ZONE)",
      ...[userId, "Run", null, null, "active"],
    );
  }

  milestone(goalId: string): Promise<string> {
    return this.#insert(
      "INSERT INTO milestones (goal_id, week_number, title, status, id, created_at) VALUES ($1::UUID, $2::INTEGER, $3::VARCHAR, $4::VARCHAR, $5::UUID, $6::TIMESTAMP WITH TIME ZONE)",
      ...[goalId, 1, "Week one", "pending"],
    );
  }

  task(userId: string, goalId: string, startTime: string): Promise<string> {
    return this.#insert(
      "INSERT INTO tasks (user_id, goal_id, milestone_id, title, start_time, end_time, state, priority, trigger_type, is_recurring, calendar_event_id, id, created_at) VALUES ($1::UUID, $2::UUID, $3::UUID, $4::VARCHAR, $5::TIMESTAMP WITH TIME ZONE, $6::TIMESTAMP WITH TIME ZONE, $7::task_state, $8::task_priority, $9::trigger_type, $10::BOOLEAN, $11::VARCHAR, $12::UUID, $13::TIMESTAMP WITH TIME ZONE)",
      ...[userId, goalId, null, "Stretch", startTime, null, "scheduled", "standard", "time", false, null],
    );
  }

  /** @param messages JSON text */
  conversation(userId: string, goalId: string | null, messages: string): Promise<string> {
    return this.#insert(
      "INSERT INTO conversations (user_id, goal_id, messages, status, id, created_at) VALUES ($1::UUID, $2::UUID, $3::JSONB, $4::VARCHAR, $5::UUID, $6::TIMESTAMP WITH TIME ZONE)",
      ...[userId, goalId, messages, "open"],
    );
  }

  async demoFlags(userId: string): Promise<void> {
    const text =
      "INSERT INTO demo_flags (user_id, virtual_now, escalation_speed) VALUES ($1::UUID, $2::TIMESTAMP WITH TIME ZONE, $3::FLOAT)";
    await this.#client.query(text, [userId, null, 2]);
  }

  async setPreferences(userId: string, json: string): Promise<void> {
    await this.#client.query("UPDATE users SET preferences=$1::JSONB WHERE users.id = $2::UUID", [json, userId]);
  }

  async setMessages(conversationId: string, json: string): Promise<void> {
    const text = "UPDATE conversations SET messages=$1::JSONB WHERE conversations.id = $2::UUID";
    await this.#client.query(text, [json, conversationId]);
  }

  async setState(taskId: string, state: string): Promise<void> {
    await this.#client.query("UPDATE tasks SET state=$1::task_state WHERE tasks.id IN ($2::UUID)", [state, taskId]);
  }
}
