import { expect, inject, test } from "vitest";
import { get, readSlowly, SlowReaders } from "./slow-readers.ts";

/** Megabytes: less than twelve lists of this length take, let alone their rows. */
const MOST = 300;

test("slow readers of long lists hold little memory, and do not delay others", { timeout: 120_000 }, async () => {
  await using readers = await SlowReaders.open(inject("adminUrl"), { rows: 40, rowBytes: 1_048_576, tasks: 1_000 });
  const list = `/api/v1/conversations/?user_id=${readers.userId}`;
  const result = await readers.watch("12 lists", async (port) => {
    const reading = readSlowly(port, list, { connections: 12, bytes: 1_024, milliseconds: 3_000 });
    const other = await get(port, `${list}&limit=1`);
    await reading;
    return other.status === 200 && other.bytes > 1_048_576 ? "" : `${other.status}, ${other.bytes} bytes`;
  });
  expect(result.wrong).toBe("");
  expect(result.most).toBeLessThan(MOST);
});
