import { describe, expect, test } from "vitest";
import type { HttpRequest } from "./http-message.ts";
import { CollectedBytes, readNdjson } from "./request-body.ts";

const LIMIT = 64;

async function valuesOf(...pieces: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  return valuesWithin(LIMIT, pieces);
}

async function valuesWithin(limit: number, pieces: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  const request: HttpRequest = {
    method: "POST",
    target: "/",
    header: () => undefined,
    async *readChunks() {
      for (const piece of pieces) yield Buffer.from(piece);
    },
  };
  const values: unknown[] = [];
  for await (const value of readNdjson(request, limit, 30_000)) values.push(value);
  return values;
}

const line = '{"title":"é🙂"}';

describe("readNdjson", () => {
  test.each([
    ["ends of lines", `${line}\n${line}\n`, 2],
    ["no end of the last", `${line}\n${line}`, 2],
    ["ends of Windows", `${line}\r\n\r\n${line}\r\n`, 2],
    ["blank lines", `\n \n\t\r\n${line}\n\n\n  ${line}  \n \t`, 2],
    ["nothing", "", 0],
    ["white space alone", " \n\r\n\t", 0],
  ])("%s, in one piece, in two, and byte by byte", async (_, text, count) => {
    const expected = Array(count).fill({ title: "é🙂" });
    const bytes = Buffer.from(text);
    expect(await valuesOf(bytes)).toEqual(expected);
    for (let at = 0; at < bytes.length; at++) {
      expect(await valuesOf(bytes.subarray(0, at), bytes.subarray(at))).toEqual(expected);
    }
    expect(await valuesOf(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  test("a line may have as many bytes as the limit, in any number of pieces; blank space before it does not count", async () => {
    const longest = `"${"x".repeat(LIMIT - 2)}"`;
    expect(await valuesOf(`${" ".repeat(LIMIT)}${longest}\n`)).toHaveLength(1);
    expect(await valuesOf(longest.slice(0, 10), longest.slice(10), `\n${longest}`)).toHaveLength(2);
    for (const pieces of [[`x${longest}\n`], [`x${longest}`], [longest, "x"], [longest, "x\n"]]) {
      await expect(valuesOf(...pieces)).rejects.toMatchObject({ code: "payload_too_large" });
    }
  });

  test("16 MiB of newlines do not take a turn each", async () => {
    const bytes = Buffer.alloc(16 * 1_048_576, "\n");
    const before = process.cpuUsage();
    expect(await valuesOf(bytes)).toEqual([]);
    // Milliseconds; with a turn each they were 14,600.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  });

  test("a long line is not read again for each of its pieces", async () => {
    const piece = Buffer.alloc(16_384, "x");
    const processorTime = async (count: number) => {
      const { user } = process.cpuUsage();
      // Not JSON, so that parsing ends at once.
      await expect(valuesWithin(Infinity, [...Array<Buffer>(count).fill(piece), "\n"])).rejects.toThrow(
        "not valid JSON",
      );
      return (process.cpuUsage().user - user) / 1_000;
    };
    await processorTime(64);
    // 64 MB: reading it again each time would be 128 GB.
    expect(await processorTime(4_096)).toBeLessThan(2_000);
  });
});

test("pieces of any length are joined in order, and no piece is written to", () => {
  const collected = new CollectedBytes();
  const packet = Buffer.from("abcdefgh");
  for (const [start, end] of [
    [0, 2],
    [2, 2],
    [2, 3],
    [3, 8],
  ] as const)
    collected.append(packet.subarray(start, end));
  expect(collected.length).toBe(8);
  expect(Buffer.from(collected.take()).toString()).toBe("abcdefgh");
  expect(packet.toString()).toBe("abcdefgh");
  collected.append(packet.subarray(4));
  expect(Buffer.from(collected.take()).toString()).toBe("efgh");
  expect(collected.take()).toHaveLength(0);
});

test("a body in pieces of one byte holds only its own bytes, not the packets that they arrived in", () => {
  const collected = new CollectedBytes();
  const before = process.memoryUsage();
  for (let packet = 0; packet < 100; packet++) {
    const bytes = Buffer.alloc(60_000, "1\r\nx\r\n");
    for (let at = 3; at < bytes.length; at += 6) collected.append(bytes.subarray(at, at + 1));
  }
  expect(collected.length).toBe(1_000_000);
  expect(collected.take().buffer.byteLength).toBeLessThan(3_000_000);
  expect(process.memoryUsage().rss - before.rss).toBeLessThan(80_000_000);
});
