import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import postgres from "postgres";
import { type ServiceWatch, watchService } from "./health-watch.ts";
import { compileOverloadPrograms, type OverloadPrograms, SERVICE_KEY, startService } from "./service-process.ts";

/** How a service with 512 MB of heap behaved with slow readers or long rows. */
export interface LongResponses extends ServiceWatch {
  readonly what: string;
  /** Empty if all was as expected. */
  readonly wrong: string;
}

export interface LongRowSizes {
  /** Rows of the list, and bytes of each. */
  readonly rows: number;
  readonly rowBytes: number;
  readonly tasks: number;
}

/** A service of its own, and a database with long rows. */
export class SlowReaders implements AsyncDisposable {
  readonly #programs: OverloadPrograms;
  readonly #test: TestDatabase;
  readonly sql: postgres.Sql;
  readonly userId = "0198c5f0-7a3e-7cc1-8f5a-000000000001";

  private constructor(programs: OverloadPrograms, test: TestDatabase) {
    this.#programs = programs;
    this.#test = test;
    this.sql = postgres(test.url, { max: 1, onnotice: () => undefined });
  }

  static async open(serverUrl: string, { rows, rowBytes, tasks }: LongRowSizes): Promise<SlowReaders> {
    const test = await createTestDatabase({ serverUrl });
    await test.database.close();
    const readers = new SlowReaders(await compileOverloadPrograms(), test);
    const { sql, userId } = readers;
    await sql`insert into users (id, name, email) values (${userId}, 'Reader', 'reader@example.com')`;
    await readers.insertConversations(rows, rowBytes);
    const [goal] = await sql`insert into goals (user_id, title) values (${userId}, 'goal') returning id`;
    await sql`insert into tasks (user_id, goal_id, title)
      select ${userId}, ${goal?.["id"]}, 'task ' || n from generate_series(1, ${tasks}::int) n`;
    return readers;
  }

  /** Conversations of `bytes` each, which cannot be compressed. */
  async insertConversations(rows: number, bytes: number): Promise<string> {
    const [row] = await this.sql`
      with message as materialized (
        select jsonb_build_array(string_agg(md5(random()::text), '')) as messages from generate_series(1, ${bytes}::int / 32))
      insert into conversations (user_id, messages) select ${this.userId}, messages from message, generate_series(1, ${rows}::int)
      returning id`;
    return String(row?.["id"]);
  }

  /** Runs `read` against a newly started service, and measures the service meanwhile. */
  async watch(what: string, read: (port: number) => Promise<string>): Promise<LongResponses> {
    const environment = { DATABASE_URL: this.#test.url };
    const service = await startService(this.#programs, environment, ["--max-old-space-size=512"]);
    let wrong = "";
    const watch = await watchService(this.#programs, service, async () => {
      wrong = await read(service.port).catch((error: unknown) => String(error));
    });
    if (watch.ended !== undefined) wrong = `the service ended: ${watch.ended}`;
    process.kill(service.child.pid, "SIGKILL");
    await service.child.ended;
    return { what, ...watch, wrong };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sql.end();
    await this.#programs[Symbol.asyncDispose]();
    await this.#test.drop();
  }
}

/** Whether a stream is one complete JSON value: of hundreds of megabytes, more than a parser can take. */
class JsonEnds {
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isBroken = false;
  #isDone = false;

  /** Skips text without decoding it: a slow check here would look like a slow reader, and a slow `/health`. */
  add(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.#isBroken; ) {
      if (this.#isText) at = this.#endOfText(bytes, at);
      else this.#isBroken = this.#isDone || !this.#takes(bytes[at++] ?? 0);
    }
  }

  #endOfText(bytes: Buffer, start: number): number {
    if (this.#isEscaped) {
      this.#isEscaped = false;
      return start + 1;
    }
    const quote = bytes.indexOf(0x22, start);
    const end = quote < 0 ? bytes.length : quote;
    const backslash = bytes.subarray(start, end).indexOf(0x5c);
    this.#isEscaped = backslash >= 0;
    if (backslash >= 0) return start + backslash + 1;
    this.#isText = quote < 0;
    return end + 1;
  }

  /** Whether this byte keeps the brackets balanced. */
  #takes(byte: number): boolean {
    if (byte === 0x22) this.#isText = true;
    else if (byte === 0x5b || byte === 0x7b) this.#depth++;
    else if (byte === 0x5d || byte === 0x7d) this.#isDone = --this.#depth === 0;
    return this.#depth >= 0;
  }

  get isWhole(): boolean {
    return this.#isDone && !this.#isBroken && !this.#isText;
  }
}

/** Reads a response: its length, and whether it was one JSON value. */
export async function get(port: number, path: string): Promise<{ status: number; bytes: number; isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    const headers = { "X-Flux-Service-Key": SERVICE_KEY };
    request({ port, host: "127.0.0.1", path, headers, agent: false }, (response) => {
      const json = new JsonEnds();
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        json.add(chunk);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, bytes, isWhole: json.isWhole }));
    })
      .on("error", reject)
      .end();
  });
}

/**
 * Sends a request on each connection, and reads `bytes` every 100 ms; 0 reads nothing. Returns the number of responses that
 * were cut off.
 */
export async function readSlowly(
  port: number,
  path: string,
  how: { readonly connections: number; readonly bytes: number; readonly milliseconds: number },
): Promise<number> {
  let broken = 0;
  const sockets = Array.from({ length: how.connections }, (): Socket => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined).on("close", () => broken++);
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${SERVICE_KEY}\r\n\r\n`);
    return socket;
  });
  const end = performance.now() + how.milliseconds;
  while (performance.now() < end) {
    if (how.bytes > 0) for (const socket of sockets) socket.read(how.bytes);
    await delay(100);
  }
  const result = broken;
  for (const socket of sockets) socket.destroy();
  return result;
}
