import { expect, test } from "vitest";
import { LineSplitter } from "./ndjson.ts";

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
