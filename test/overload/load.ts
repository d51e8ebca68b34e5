/** The load, in a process of its own, so that it takes no time from the server's. */
import { handleCommands } from "../../bench/processes/commands.ts";
import { ClientConnection } from "./client-connection.ts";

/** Requests and how they are sent. Plain data. */
export interface LoadRequest {
  readonly port: number;
  /** Whole requests, in Base64; they are sent in turn. */
  readonly requests: readonly string[];
  /** Number of connections. */
  readonly connections: number;
  readonly milliseconds: number;
  /**
   * Open loop: requests a second, sent whether earlier ones have got their responses or not, as long as a connection is free.
   * Without it, closed loop: each connection sends its next request when it has the response.
   */
  readonly rate?: number;
}

export interface LoadResult {
  readonly elapsedMs: number;
  /** Successes before the time was over; later ones are in `statuses` only. */
  readonly successesInTime: number;
  /** Responses by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** 503s without Retry-After. */
  readonly withoutRetryAfter: number;
  /** Connections that were lost before the response, by cause. */
  readonly losses: Readonly<Record<string, number>>;
  /** Open loop: requests that found no free connection, and were never sent. */
  readonly unsent: number;
  /** Milliseconds from sending to the complete response. */
  readonly success: Latency;
  readonly refusal: Latency;
}

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export type LoadCommands = { load: { request: LoadRequest; response: LoadResult } };

class Tally {
  readonly statuses: Record<string, number> = {};
  readonly losses: Record<string, number> = {};
  readonly #success: number[] = [];
  readonly #refusal: number[] = [];
  withoutRetryAfter = 0;
  unsent = 0;
  successesInTime = 0;
  readonly #isOver: () => boolean;

  constructor(isOver: () => boolean) {
    this.#isOver = isOver;
  }

  /** Sends one request and counts its outcome. */
  async send(connection: ClientConnection, request: Buffer): Promise<boolean> {
    const start = performance.now();
    const outcome = await connection.send(request);
    if (outcome.status === undefined) {
      this.losses[outcome.loss] = (this.losses[outcome.loss] ?? 0) + 1;
      return false;
    }
    const { status } = outcome;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    (status < 300 ? this.#success : this.#refusal).push(performance.now() - start);
    if (status < 300 && !this.#isOver()) this.successesInTime++;
    if (status === 503 && !outcome.hasRetryAfter) this.withoutRetryAfter++;
    return true;
  }

  result(elapsedMs: number): LoadResult {
    const { successesInTime, statuses, losses, withoutRetryAfter, unsent } = this;
    const [success, refusal] = [latency(this.#success), latency(this.#refusal)];
    return { elapsedMs, successesInTime, statuses, losses, withoutRetryAfter, unsent, success, refusal };
  }
}

function latency(times: number[]): Latency {
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

handleCommands<LoadCommands>({
  load: async ({ port, requests, connections, milliseconds, rate }) => {
    const bytes = requests.map((request) => Buffer.from(request, "base64"));
    let sent = 0;
    const next = (): Buffer => bytes[sent++ % bytes.length] ?? Buffer.alloc(0);
    const open: ClientConnection[] = [];
    // Few at a time: the length of the port's backlog depends on the system, and is not measured here.
    while (open.length < connections) {
      const some = Math.min(100, connections - open.length);
      open.push(...(await Promise.all(Array.from({ length: some }, () => ClientConnection.open(port)))));
    }
    const start = performance.now();
    const isOver = () => performance.now() - start >= milliseconds;
    const tally = new Tally(isOver);
    if (rate === undefined) {
      await Promise.all(
        open.map(async (connection) => {
          while (!isOver() && (await tally.send(connection, next())));
        }),
      );
    } else await sendAtRate(open, rate, isOver, tally, next);
    for (const connection of open) connection.close();
    return tally.result(milliseconds);
  },
});

async function sendAtRate(
  open: readonly ClientConnection[],
  rate: number,
  isOver: () => boolean,
  tally: Tally,
  next: () => Buffer,
): Promise<void> {
  const free = [...open];
  const running = new Set<Promise<void>>();
  const start = performance.now();
  let due = 0;
  while (!isOver()) {
    const target = ((performance.now() - start) / 1000) * rate;
    for (; due < target; due++) {
      const connection = free.shift();
      if (connection === undefined) {
        tally.unsent++;
        continue;
      }
      const sending = tally.send(connection, next()).then((isAlive) => {
        running.delete(sending);
        if (isAlive) free.push(connection);
      });
      running.add(sending);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(running);
}
