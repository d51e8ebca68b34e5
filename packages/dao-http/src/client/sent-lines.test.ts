import { expect, test } from "vitest";
import { linesOf, SentLines } from "./ndjson.ts";

async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

async function* piecesOf(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}

test.each([
  [
    ["a\nb", "c\n\n", "d"],
    [["a"], ["bc", ""]],
  ],
  [
    ["a", "b", "\n", "\n"],
    [["ab"], [""]],
  ],
  [["", "a\n", ""], [["a"]]],
  [[], []],
])("the lines of %j are %j", async (pieces, batches) => {
  expect(await listOf(linesOf(piecesOf(pieces)))).toEqual(batches);
});

test("a long line is not read again for each of its pieces", async () => {
  const processorTime = async (pieces: number) => {
    const { user } = process.cpuUsage();
    await listOf(linesOf(piecesOf([...Array<string>(pieces).fill("x".repeat(16_384)), "\n"])));
    return (process.cpuUsage().user - user) / 1_000;
  };
  await processorTime(64);
  // 64 MB: reading it again each time would be 128 GB.
  expect(await processorTime(4_096)).toBeLessThan(2_000);
});

test("large items are sent in small batches", async () => {
  const sent = new SentLines(Array(10).fill("x".repeat(50_000)), String);
  const sizes = (await listOf(sent.toStream())).map((bytes) => bytes.length);
  expect(Math.max(...sizes)).toBeLessThan(120_000);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(500_010);
});
