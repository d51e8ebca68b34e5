import { setTimeout as delay } from "node:timers/promises";
import type postgres from "postgres";
import { askUntil } from "../ask-until.ts";
import { ClientConnection, type Outcome, requestBytes } from "./client-connection.ts";

/** A service that runs in a process of its own. */
export interface StoppableService {
  readonly port: number;
  readonly key: string;
  terminate(): void;
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<string>;
}

export interface StopReport {
  readonly exit: string;
  /** Milliseconds from SIGTERM to the end of the process. */
  readonly goneAfter: number;
  /** Whether `/ready` returned 503 before any connection was refused. */
  readonly isReadyFirst: boolean;
  readonly answers: number;
  /** Responses by unexpected status. */
  readonly unexpected: readonly number[];
  /** Requests that were sent and got no complete response, from clients that respect `/ready` as a load balancer does. */
  readonly dropped: readonly string[];
  /** The same from clients that keep connecting, whatever `/ready` returns, until a connection is refused. */
  readonly droppedOfObstinate: readonly string[];
  /** Acknowledged writes, and how many of them are not in the database. */
  readonly acknowledged: number;
  readonly lost: number;
  /** Sessions of the service that the database still had 5 s later. */
  readonly backendsLeft: number;
}

/** What is expected of every stop. */
export const NOTHING_DROPPED = {
  exit: "0",
  isReadyFirst: true,
  unexpected: [],
  dropped: [],
  droppedOfObstinate: [],
  lost: 0,
  backendsLeft: 0,
} as const satisfies Partial<StopReport>;

/** How a client behaves. */
interface Manner {
  /** Maximum milliseconds between a response and the next request. */
  readonly pause: number;
  /** Whether each request has a connection of its own. */
  readonly isFresh: boolean;
  readonly isObstinate: boolean;
}

const MANNERS: readonly { readonly clients: number; readonly manner: Manner }[] = [
  { clients: 16, manner: { pause: 0, isFresh: false, isObstinate: false } },
  { clients: 16, manner: { pause: 300, isFresh: false, isObstinate: false } },
  { clients: 8, manner: { pause: 20, isFresh: true, isObstinate: false } },
  { clients: 4, manner: { pause: 0, isFresh: false, isObstinate: true } },
];

/** Sends SIGTERM to a service under load, and counts the outcomes of the requests. */
export async function stopUnderLoad(service: StoppableService, sql: postgres.Sql): Promise<StopReport> {
  const crowd = new Crowd(service);
  const clients = MANNERS.flatMap(({ clients, manner }) => Array.from({ length: clients }, () => crowd.use(manner)));
  const probing = crowd.probe();
  while (crowd.answers < 300) await delay(5);
  const signalled = performance.now();
  service.terminate();
  const exit = await service.exited;
  const goneAfter = performance.now() - signalled;
  await Promise.all([...clients, probing]);
  const [there] = await sql<{ count: number }[]>`
    select count(*)::int from users where email in ${sql(["", ...crowd.acknowledged])}`;
  return {
    exit,
    goneAfter,
    isReadyFirst: crowd.notReadyAt < crowd.refusedAt,
    answers: crowd.answers,
    unexpected: crowd.unexpected,
    dropped: crowd.dropped,
    droppedOfObstinate: crowd.droppedOfObstinate,
    acknowledged: crowd.acknowledged.length,
    lost: crowd.acknowledged.length - (there?.count ?? 0),
    backendsLeft: await backendsLeft(sql),
  };
}

/** Clients of one service, and the load balancer in front of it. */
class Crowd {
  readonly #service: StoppableService;
  answers = 0;
  notReadyAt = Number.POSITIVE_INFINITY;
  refusedAt = Number.POSITIVE_INFINITY;
  readonly unexpected: number[] = [];
  readonly dropped: string[] = [];
  readonly droppedOfObstinate: string[] = [];
  readonly acknowledged: string[] = [];

  constructor(service: StoppableService) {
    this.#service = service;
  }

  get #isReady(): boolean {
    return this.notReadyAt === Number.POSITIVE_INFINITY;
  }

  /** Polls `/ready`, as a load balancer does. */
  async probe(): Promise<void> {
    while (this.#isReady) {
      const connection = await this.#connect();
      if (connection === undefined) return;
      const outcome = await connection.send(requestBytes("", "GET", "/ready"));
      connection.close();
      if (outcome.status === 503) this.notReadyAt = performance.now();
      else this.#count(outcome, "GET /ready", this.dropped);
      await delay(50);
    }
  }

  /** Sends requests until the load balancer stops routing to the service, or nothing listens. */
  async use({ pause, isFresh, isObstinate }: Manner): Promise<void> {
    const dropped = isObstinate ? this.droppedOfObstinate : this.dropped;
    let connection: ClientConnection | undefined;
    for (let request = 0; isObstinate || this.#isReady; request++) {
      if (connection === undefined || connection.isClosed) connection = await this.#connect();
      if (connection === undefined) return;
      // A connection stays in use until the server announces its end, ready or not.
      do {
        const outcome = await this.#send(connection, request, dropped);
        if (isFresh || outcome.status === undefined || outcome.isLast) {
          connection.close();
          connection = undefined;
        }
        if (pause > 0) await delay(Math.random() * pause);
      } while (connection !== undefined && !connection.isClosed && !this.#isReady);
    }
    connection?.close();
  }

  async #connect(): Promise<ClientConnection | undefined> {
    try {
      return await ClientConnection.open(this.#service.port);
    } catch {
      this.refusedAt = Math.min(this.refusedAt, performance.now());
      return undefined;
    }
  }

  async #send(connection: ClientConnection, request: number, dropped: string[]): Promise<Outcome> {
    const { key } = this.#service;
    if (request % 2 === 0) {
      const outcome = await connection.send(requestBytes(key, "GET", "/api/v1/users/?page=1&page_size=5"));
      this.#count(outcome, "GET", dropped);
      return outcome;
    }
    const email = `${crypto.randomUUID()}@example.com`;
    const outcome = await connection.send(requestBytes(key, "POST", "/api/v1/users/", { name: "x", email }));
    this.#count(outcome, "POST", dropped);
    if (outcome.status === 201) this.acknowledged.push(email);
    return outcome;
  }

  #count(outcome: Outcome, method: string, dropped: string[]): void {
    if (outcome.status === undefined) {
      // A connection closed before a byte was sent is not a drop: the request can safely be sent elsewhere.
      if (!outcome.loss.startsWith("unsent")) dropped.push(`${method}: ${outcome.loss}`);
      return;
    }
    this.answers++;
    if (outcome.status !== 200 && outcome.status !== 201) this.unexpected.push(outcome.status);
  }
}

/** A backend needs a moment to notice that its client is gone. */
async function backendsLeft(sql: postgres.Sql): Promise<number> {
  const list = () => sql`
    select from pg_stat_activity where datname = current_database() and application_name = 'flux-dao'`;
  return (await askUntil(list, ({ length }) => length === 0, { limit: 5_000 })).length;
}
