import { gzipSync } from "node:zlib";
import { UnavailableError } from "@flux/dao-core/errors";
import { describe, expect, test } from "vitest";
import { rejection, sampleResult } from "../testing/connected-client.ts";
import { type Reply, raw, scriptedServer } from "../testing/scripted-server.ts";
import { encode } from "../wire/json.ts";
import type { DaoClientOptions } from "./connection.ts";
import { createDaoClient } from "./dao-client.ts";
import type { ClientRetry } from "./retry.ts";

const ndjson = "content-type: application/x-ndjson";
const sample = Object(sampleResult("streamTasks"));
const row = (id: string) => `${encode({ ...sample, id })}\n`;
const end = '{"next_cursor":null}\n';

/** The lines after a cursor: a row each, after every third one a cursor, and the end. */
function linesAfter(target: string, ids: readonly string[]): string[] {
  const start = Number(new URL(target, "http://x").searchParams.get("cursor") ?? 0);
  const lines = ids.slice(start).flatMap((id, index) => {
    const place = start + index + 1;
    return place % 3 === 0 && place < ids.length ? [row(id), `{"next_cursor":"${place}"}\n`] : [row(id)];
  });
  return [...lines, end];
}

const ids = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** A response in HTTP/1.0, which ends with the connection. */
const closed = (lines: readonly string[]): Reply => ({ bytes: raw([ndjson], lines.join(""), "1.0"), ending: "close" });

async function idsOf(url: string, options: Partial<DaoClientOptions> = {}, cursor?: string): Promise<string[]> {
  const { tasks } = createDaoClient({ baseUrl: url, serviceKey: "k", ...options });
  const read: string[] = [];
  for await (const { id } of tasks.streamTasks({ state: "missed", ...(cursor !== undefined && { cursor }) })) {
    read.push(id);
  }
  return read;
}

describe("an interrupted stream continues", () => {
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  const ways: Readonly<Record<string, (lines: readonly string[]) => Reply>> = {
    "closed between two rows, as over HTTP/1.0": (lines) => closed(lines.slice(0, 6)),
    "closed after a cursor": (lines) => closed(lines.slice(0, 4)),
    "closed within a row": (lines) => closed([lines.join("").slice(0, 1_000)]),
    "closed before the end alone": (lines) => closed(lines.slice(0, -1)),
    "closed within the end": (lines) => closed([lines.join("").slice(0, -5)]),
    "ended in order by a proxy": (lines) => ({
      bytes: raw([ndjson, "transfer-encoding: chunked"], `${chunk(lines.slice(0, 6).join(""))}0\r\n\r\n`),
    }),
    "cut within a chunk": (lines) => ({
      bytes: raw([ndjson, "transfer-encoding: chunked"], chunk(lines.join("")).slice(0, 900)),
      ending: "close",
    }),
    "reset after a chunk": (lines) => ({
      bytes: raw([ndjson, "transfer-encoding: chunked"], chunk(lines.slice(0, 3).join(""))),
      ending: "reset",
    }),
    "shorter than it said": (lines) => ({
      bytes: raw([ndjson, "content-length: 9999"], lines.slice(0, 5).join("")),
      ending: "close",
    }),
    "compressed, and cut between two blocks": (lines) => {
      const zipped = gzipSync(lines.slice(0, 5).join(""));
      const cut = zipped.subarray(0, zipped.length - 10);
      return { bytes: raw([ndjson, "content-encoding: gzip", `content-length: ${cut.length}`], cut) };
    },
    "with a page of a proxy's own in it": (lines) => closed([...lines.slice(0, 6), "<html>502 Bad Gateway</html>\n"]),
    "with foreign JSON in it": (lines) => closed([...lines.slice(0, 6), '{"error":"upstream"}\n']),
    "no stream at all": () => ({ bytes: "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n" }),
    "an empty one": () => closed([]),
    "a sign-in page": () => ({ bytes: raw(["content-type: text/html", "content-length: 6"], "<html>") }),
  };

  test.each(Object.entries(ways))("%s", async (_, breakOff) => {
    await using server = await scriptedServer((target, count) => {
      const lines = linesAfter(target, ids);
      return count === 1 ? breakOff(lines) : closed(lines);
    });
    const retries: ClientRetry[] = [];
    expect(await idsOf(server.url, { retry: { onRetry: (retry) => retries.push(retry) } })).toEqual(ids);
    expect(server.targets).toHaveLength(2);
    expect(retries).toMatchObject([{ attempt: 1, operation: "GET /api/v1/tasks/stream" }]);
    await using broken = await scriptedServer((target) => breakOff(linesAfter(target, ids)));
    expect(await rejection(idsOf(broken.url, { retry: false }))).toMatchObject({ code: "unavailable" });
    expect(broken.targets).toHaveLength(1);
  });

  test("after any number of interruptions, as long as each attempt returns a row", async () => {
    const cut = (target: string) => {
      const lines = linesAfter(target, ids);
      return lines.length > 4 ? closed(lines.slice(0, 4)) : closed(lines);
    };
    await using server = await scriptedServer((target) => cut(target));
    expect(await idsOf(server.url, { retry: { retries: 1 } })).toEqual(ids);
    expect(server.targets.map((target) => new URL(target, "http://x").search)).toEqual([
      "?state=missed&cursors=true",
      "?state=missed&cursor=3&cursors=true",
      "?state=missed&cursor=6&cursors=true",
    ]);
  });

  test("until no attempt returns one", async () => {
    await using server = await scriptedServer((target) => closed(linesAfter(target, ids).slice(0, 2)));
    const error = await rejection(idsOf(server.url, { retry: { retries: 3 } }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(String(error)).toContain("a stream without its last line");
    expect(server.targets).toHaveLength(4);
  });

  test("from the caller's cursor, and reports a cursor once all rows before it were consumed", async () => {
    await using server = await scriptedServer((target, count) =>
      closed(linesAfter(target, ids).slice(0, count === 1 ? 3 : undefined)),
    );
    const { tasks } = createDaoClient({ baseUrl: server.url, serviceKey: "k" });
    const seen: string[] = [];
    const onCursor = (cursor: string) => seen.push(`cursor ${cursor}`);
    for await (const { id } of tasks.streamTasks({ cursor: "2" }, { onCursor })) seen.push(id);
    expect(seen).toEqual(["c", "cursor 3", "d", "e", "f", "cursor 6", "g", "h"]);
    expect(server.targets[0]).toContain("cursor=2");
  });

  test("with each row once, even if rows were deleted and created between the attempts", async () => {
    const changed = ["a", "x", "c", "y", "d", "e", "f", "g", "h"];
    await using server = await scriptedServer((target, count) =>
      count === 1
        ? closed([...linesAfter(target, ids).slice(0, 6)])
        : count === 2
          ? closed([row("x"), row("c"), '{"next_cursor":"4"}\n', row("d")])
          : closed(linesAfter(target, changed)),
    );
    expect(await idsOf(server.url)).toEqual(["a", "b", "c", "d", "e", "x", "f", "g", "h"]);
  });

  test("but not if that could return rows twice, without a cursor for too many of them", async () => {
    const many = Array.from({ length: 10_500 }, (_, index) => row(`${index}`));
    await using server = await scriptedServer(() => closed(many));
    expect(await rejection(idsOf(server.url))).toMatchObject({ code: "unavailable" });
    expect(server.targets).toHaveLength(1);
  });
});

describe("lines are read from pieces of any length", () => {
  /** The ids of the rows in a body of these pieces. */
  const idsIn = (pieces: Iterable<Uint8Array>) =>
    idsOf("http://service", {
      fetch: async () => new Response(ReadableStream.from(pieces), { headers: { "x-request-id": "r" } }),
      retry: false,
    });

  test("in one, and byte by byte, with blank lines between them", async () => {
    const body = Buffer.from(`\n${row("é🙂")}\r\n \n${row("b").replace("\n", "\r\n")}\n${end}`);
    expect(await idsIn([body])).toEqual(["é🙂", "b"]);
    expect(await idsIn(Array.from(body, (byte) => Uint8Array.of(byte)))).toEqual(["é🙂", "b"]);
  });

  test("a long one is not read again for each piece", async () => {
    const piece = Buffer.alloc(16_384, "x");
    const processorTime = async (count: number) => {
      const { user } = process.cpuUsage();
      // Not JSON, so that parsing ends at once.
      expect(await rejection(idsIn([...Array<Buffer>(count).fill(piece), Buffer.from("\n")]))).toMatchObject({
        message: expect.stringContaining("not JSON"),
      });
      return (process.cpuUsage().user - user) / 1_000;
    };
    await processorTime(64);
    // 64 MB: reading it again each time would be 128 GB.
    expect(await processorTime(4_096)).toBeLessThan(2_000);
  });
});

describe("a stream is not requested again", () => {
  test("for errors of the loop or onCursor, even if they look like the service's", async () => {
    await using server = await scriptedServer((target) => closed(linesAfter(target, ids)));
    const { tasks } = createDaoClient({ baseUrl: server.url, serviceKey: "k" });
    const own = new UnavailableError("The loop's own.");
    const fail = () => {
      throw own;
    };
    const read = async (work: () => void, onCursor?: () => void) => {
      for await (const _ of tasks.streamTasks({}, { onCursor })) work();
    };
    expect(await rejection(read(fail))).toBe(own);
    expect(await rejection(read(() => undefined, fail))).toBe(own);
    expect(server.targets).toHaveLength(2);
  });

  test("if the service rejects it or has another version", async () => {
    const problem = JSON.stringify({
      type: "urn:flux-dao:error:validation_failed",
      code: "validation_failed",
      detail: "x",
      errors: [{ path: "state", message: "no" }],
    });
    const refusal = `HTTP/1.1 400 Bad Request\r\ncontent-length: ${problem.length}\r\n\r\n${problem}`;
    await using refusing = await scriptedServer(() => ({ bytes: refusal }));
    expect(await rejection(idsOf(refusing.url))).toMatchObject({ issues: [{ path: "state", message: "no" }] });
    const other = raw([ndjson, "x-request-id: r"], '{"id":"a"}\n', "1.0");
    await using newer = await scriptedServer(() => ({ bytes: other, ending: "close" }));
    expect(await rejection(idsOf(newer.url))).toMatchObject({ name: "UnexpectedResponseError", requestId: "r" });
    expect([refusing.targets.length, newer.targets.length]).toEqual([1, 1]);
  });

  test("if it stalls for the whole time-out, which excludes the loop's own work", async () => {
    const lines = linesAfter("/", ids).slice(0, 6).join("");
    await using server = await scriptedServer(() => ({ bytes: raw([ndjson, "content-length: 9999"], lines) }));
    const { tasks } = createDaoClient({ baseUrl: server.url, serviceKey: "k", timeout: 120 });
    const read: string[] = [];
    const stalled = async () => {
      for await (const { id } of tasks.streamTasks()) {
        read.push(id);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    };
    expect(String(await rejection(stalled()))).toContain("did not respond within 120 ms");
    expect(read).toEqual(["a", "b", "c", "d", "e"]);
    expect(server.targets).toHaveLength(1);
  });

  test("if its signal aborts", async () => {
    await using server = await scriptedServer(() => closed([]));
    const { tasks } = createDaoClient({ baseUrl: server.url, serviceKey: "k", retry: { retries: 1_000 } });
    const leave = new AbortController();
    const read = async () => {
      for await (const _ of tasks.streamTasks({}, { signal: leave.signal }));
    };
    const reading = rejection(read());
    await expect.poll(() => server.targets.length).toBeGreaterThan(1);
    leave.abort(new Error("enough"));
    expect(await reading).toMatchObject({ message: "enough" });
  });
});
