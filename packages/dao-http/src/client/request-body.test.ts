import { expect, test } from "vitest";
import { SentLines } from "./request-body.ts";

async function listOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("large items are sent in small batches", async () => {
  const sent = new SentLines(Array(10).fill("x".repeat(49_998)));
  const sizes = (await listOf(sent.toStream())).map((bytes) => bytes.length);
  expect(Math.max(...sizes)).toBeLessThan(120_000);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(500_010);
});
