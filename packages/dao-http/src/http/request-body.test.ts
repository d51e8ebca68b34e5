import { describe, expect, test } from "vitest";
import type { HttpRequest } from "./http-message.ts";
import { readNdjson } from "./request-body.ts";

const LIMIT = 64;

async function valuesOf(...pieces: readonly (string | Uint8Array)[]): Promise<unknown[]> {
  const request: HttpRequest = {
    method: "POST",
    target: "/",
    header: () => undefined,
    async *readChunks() {
      for (const piece of pieces) yield Buffer.from(piece);
    },
  };
  const values: unknown[] = [];
  for await (const value of readNdjson(request, LIMIT, 30_000)) values.push(value);
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

  test("a line may have as many bytes as the limit says, in however many pieces; what is blank before it is none of it", async () => {
    const longest = `"${"x".repeat(LIMIT - 2)}"`;
    expect(await valuesOf(`${" ".repeat(LIMIT)}${longest}\n`)).toHaveLength(1);
    expect(await valuesOf(longest.slice(0, 10), longest.slice(10), `\n${longest}`)).toHaveLength(2);
    for (const pieces of [[`x${longest}\n`], [`x${longest}`], [longest, "x"], [longest, "x\n"]]) {
      await expect(valuesOf(...pieces)).rejects.toMatchObject({ code: "payload_too_large" });
    }
  });

  test("16 MiB of newlines take no turn each", async () => {
    const bytes = Buffer.alloc(16 * 1_048_576, "\n");
    const before = process.cpuUsage();
    expect(await valuesOf(bytes)).toEqual([]);
    // Milliseconds; with a turn each they were 14,600.
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2_000);
  });
});
