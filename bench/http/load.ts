/** The load generator's process. */
import type { Inputs } from "../data/inputs.ts";
import { Calls } from "../in-process/calls.ts";
import { toRow } from "../in-process/contenders/handwritten.ts";
import { handleCommands } from "../processes/commands.ts";
import { quantile } from "../quantile.ts";
import { Connection } from "./connection.ts";
import type { ApiRequest } from "./requests.ts";
import { transfer } from "./transfer.ts";

/** The measurement of one slice of requests, times in milliseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly elapsedMs: number;
  readonly p50: number;
  readonly p99: number;
}

interface Target {
  readonly port: number;
  readonly serviceKey: string;
}

// A type, since an interface has no implicit index signature.
export type LoadCommands = {
  /** Opens connections, for as long as `load` is to use them, and closes those from before. */
  connect: { request: { port: number; connections: number }; response: null };
  /** Sends requests, each connection one at a time. */
  load: { request: Target & { requests: readonly ApiRequest[]; milliseconds: number }; response: LoadResult };
  /** Sends as many new tasks as the inputs specify. @returns milliseconds, and the number of tasks by the response */
  import: { request: Target & { path: string; inputs: Inputs }; response: { elapsedMs: number; rows: number } };
  /** Receives one line per task. */
  export: { request: Target & { path: string }; response: { elapsedMs: number; rows: number } };
};

let open: readonly Connection[] = [];

handleCommands<LoadCommands>({
  connect: async ({ port, connections }) => {
    for (const connection of open) connection.close();
    open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
    return null;
  },
  load: async ({ port, serviceKey, requests, milliseconds }) => {
    const texts = requests.map((request) => toBytes(request, port, serviceKey));
    const times: number[] = [];
    const start = performance.now();
    let sent = 0;
    const use = async (connection: Connection) => {
      for (let now = start; now - start < milliseconds; ) {
        const text = texts[sent++ % texts.length];
        if (text === undefined) throw new RangeError("There are no requests to send.");
        const status = await connection.send(text);
        if (status >= 300) throw new Error(`The server returned ${status}.`);
        const end = performance.now();
        times.push(end - now);
        now = end;
      }
    };
    await Promise.all(open.map(use));
    const elapsedMs = performance.now() - start;
    times.sort((a, b) => a - b);
    return { requests: times.length, elapsedMs, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  },
  import: async ({ inputs, ...target }) => {
    const start = performance.now();
    const { text } = await transfer({ ...target, lines: newTaskLines(inputs) });
    const elapsedMs = performance.now() - start;
    const { created_count }: { created_count: number } = JSON.parse(text);
    return { elapsedMs, rows: created_count };
  },
  export: async (target) => {
    const start = performance.now();
    const { lines } = await transfer({ ...target, lines: undefined });
    return { elapsedMs: performance.now() - start, rows: lines };
  },
});

function* newTaskLines(inputs: Inputs): Generator<string> {
  for (const task of new Calls(inputs).imported()) yield JSON.stringify(toRow(task));
}

function toBytes({ method, path, body }: ApiRequest, port: number, serviceKey: string): Buffer {
  const content = body === undefined ? "" : JSON.stringify(body);
  const head = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, `X-Flux-Service-Key: ${serviceKey}`];
  if (body !== undefined) {
    head.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(content)}`);
  }
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${content}`);
}
