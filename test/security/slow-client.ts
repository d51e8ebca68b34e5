import { connect, type Socket } from "node:net";
import { createDaoApp } from "@flux/dao-http";
import { createLogger, type RunningServer, startServer } from "@flux/dao-http/server";
import { afterAll, beforeAll } from "vitest";
import { stubServices } from "../../packages/dao-http/src/testing/services-stub.ts";

/** More than can be in progress at a time. */
export const CLIENTS = 150;
/** Milliseconds between two of a slow client's bytes. */
const PAUSE = 1_000;
/** Milliseconds after which a request counts as not served, with a margin for the machine's load. */
const UNUSUAL = 5_000;

const key = "slow-clients-key";
const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

const stub = stubServices(() => ({ id }));
/** The calls of the services, which return at once. */
export const { calls } = stub;
export const app = createDaoApp({
  services: stub.services,
  keys: [{ name: "tester", key }],
  logger: createLogger({ level: "silent" }),
});

/** A server of {@link app} for the tests of a file. */
export function useSlowServer(): { readonly url: string } {
  let server: RunningServer | undefined;
  beforeAll(async () => {
    server = await startServer({ app, port: 0, stopDelay: 0, gracePeriod: 500 });
  });
  afterAll(() => server?.stop());
  return {
    get url() {
      return server?.url ?? "";
    },
  };
}

export const post = `POST /api/v1/users/ HTTP/1.1\r\nHost: localhost\r\nX-Flux-Service-Key: ${key}\r\nContent-Type: application/json\r\n`;
export const once = `${post}Idempotency-Key: k\r\n`;
export const importing = post.replace("users/", "tasks/import").replace("application/json", "application/x-ndjson");

/** How the connection of a slow client ended. */
export interface CutOff {
  readonly answer: string;
  readonly milliseconds: number;
}

/** Sends `head` at once, and `rest` byte by byte, repeatedly, until the server closes. */
export function trickle(url: string, head: string, rest: string): Promise<CutOff> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const start = performance.now();
    const socket: Socket = connect(Number(port), hostname).setNoDelay(true);
    let answer = "";
    let sent = 0;
    const timer = setInterval(() => {
      if (rest !== "" && socket.writable) socket.write(rest[sent++ % rest.length] ?? "");
    }, PAUSE);
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearInterval(timer);
      resolve({ answer, milliseconds: performance.now() - start });
    });
    if (head !== "") socket.write(head);
  });
}

/** A normal request; resolves with its status. */
export async function usualRequest(url: string, method: "GET" | "POST"): Promise<number> {
  const headers = { "X-Flux-Service-Key": key, "Content-Type": "application/json" };
  const target = method === "GET" ? `/api/v1/users/${id}` : "/api/v1/users/";
  const init = { method, headers, signal: AbortSignal.timeout(UNUSUAL), ...(method === "POST" && { body: "{}" }) };
  const response = await fetch(url + target, init);
  await response.arrayBuffer();
  return response.status;
}
