import { expect, test } from "vitest";
import { CollectedBytes, LineSplitter } from "./ndjson.ts";

function linesOf(pieces: readonly string[]): { readonly lines: readonly string[]; readonly rest: string } {
  const splitter = new LineSplitter();
  const lines = pieces.flatMap((piece) =>
    Array.from(splitter.linesOf(Buffer.from(piece)), (line) => Buffer.from(line).toString()),
  );
  return { lines, rest: Buffer.from(splitter.rest()).toString() };
}

test.each([
  [["a\nb", "c\n\n", "d"], ["a", "bc"], "d"],
  [["a", "b", "\n", "\n"], ["ab"], ""],
  [["", "a\n", ""], ["a"], ""],
  [[], [], ""],
])("the lines of %j are %j", (pieces, lines, rest) => {
  expect(linesOf(pieces)).toEqual({ lines, rest });
});

test("a long line is not read again for each of its pieces", () => {
  const piece = Buffer.alloc(16_384, "x");
  const processorTime = (pieces: number) => {
    const { user } = process.cpuUsage();
    const splitter = new LineSplitter();
    for (let count = 0; count < pieces; count++) expect(splitter.linesOf(piece).next().done).toBe(true);
    expect([...splitter.linesOf(Buffer.from("\n"))]).toHaveLength(1);
    return (process.cpuUsage().user - user) / 1_000;
  };
  processorTime(64);
  // 64 MB: reading it again each time would be 128 GB.
  expect(processorTime(4_096)).toBeLessThan(2_000);
});

test("pieces of any length are put together in their order, and no piece is written into", () => {
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

test("a body in pieces of a byte each holds as much as it says, not each packet that they came in", () => {
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
