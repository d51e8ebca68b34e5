import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { CLIENTS, type CutOff, calls, post, trickle, useSlowServer, usualRequest } from "../security/slow-client.ts";

/** Milliseconds after which a client counts as never disconnected, with a margin for the machine's load. */
const NEVER = 60_000;

const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 30_000;

const server = useSlowServer();

const attacks: readonly (readonly [what: string, limit: number, head: string, rest: string])[] = [
  ["sends nothing at all", HEADERS_TIMEOUT, "", ""],
  ["sends its request line byte by byte", HEADERS_TIMEOUT, "GET ", "/"],
  ["sends endless headers (slowloris)", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n", "X-a: b\r\n"],
  ["announces a body and sends none", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, ""],
  ["sends a body byte by byte", REQUEST_TIMEOUT, `${post}Content-Length: 1000\r\n\r\n`, "[1,"],
  ["sends a body in chunks of one byte", REQUEST_TIMEOUT, `${post}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n[\r\n"],
  ["sends the next request slowly", HEADERS_TIMEOUT, "GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET ", "/"],
];

describe(`concurrent attacks, by ${CLIENTS} clients each, with the default time-outs`, () => {
  const cutOffs = new Map<string, CutOff[]>();
  const statuses = new Set<number>();
  let served = 0;
  let reached = 0;
  beforeAll(async () => {
    const before = calls.length;
    let isOver = false;
    const running = attacks.map(async ([what, , head, rest]) => {
      cutOffs.set(what, await Promise.all(Array.from({ length: CLIENTS }, () => trickle(server.url, head, rest))));
    });
    const over = Promise.all(running).then(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const method of ["GET", "POST"] as const) statuses.add(await usualRequest(server.url, method));
      served += 2;
      await delay(100);
    }
    await over;
    reached = calls.length - before;
  }, 2 * NEVER);

  test.each(attacks)("a client is disconnected that %s", (what, limit) => {
    for (const { answer, milliseconds } of cutOffs.get(what) ?? expect.fail()) {
      expect(milliseconds).toBeGreaterThanOrEqual(limit * 0.9);
      expect(milliseconds).toBeLessThan(NEVER);
      // Earlier requests on the same connection have got their responses.
      expect(answer.startsWith(what.startsWith("sends the next") ? "HTTP/1.1 200 " : "HTTP/1.1 408 ")).toBe(true);
      expect(answer).toContain('"code":"request_timeout"');
      expect(answer.toLowerCase()).toContain("\r\nconnection: close\r\n");
    }
  });

  test("others are served meanwhile, with bodies and without, and no request of the slow ones reaches a service", () => {
    expect([...statuses].sort()).toEqual([200, 201]);
    expect(served).toBeGreaterThan(20);
    expect(reached).toBe(served);
  });
});
