import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ResponseMemory } from "./response-memory.ts";

const MEBIBYTE = 1_048_576;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Whether a promise has settled by the end of this turn. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await vi.advanceTimersByTimeAsync(0);
  return settled;
}

test("a response beyond 64 MiB waits until others were sent", async () => {
  const memory = new ResponseMemory();
  const [first, second] = [memory.share(), memory.share()];
  await first.take(60 * MEBIBYTE);
  first.handedOn();
  const waiting = second.take(5 * MEBIBYTE);
  expect(await isSettled(waiting)).toBe(false);
  first.hold(50 * MEBIBYTE);
  expect(await isSettled(waiting)).toBe(true);
  expect(second.bytes).toBe(5 * MEBIBYTE);
});

test("a response larger than the whole memory is admitted alone", async () => {
  const memory = new ResponseMemory();
  const [small, large] = [memory.share(), memory.share()];
  await small.take(1);
  const waiting = large.take(100 * MEBIBYTE);
  expect(await isSettled(waiting)).toBe(false);
  small.release();
  expect(await isSettled(waiting)).toBe(true);
});

test("the response without progress for longest is aborted when others have waited for 2 s, but none that makes progress", async () => {
  const memory = new ResponseMemory();
  const [stalled, read, third] = [memory.share(), memory.share(), memory.share()];
  for (const share of [stalled, read]) {
    await share.take(30 * MEBIBYTE);
    share.handedOn();
  }
  const waiting = third.take(10 * MEBIBYTE);
  for (let tick = 0; tick < 25; tick++) {
    read.handedOn();
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(await isSettled(waiting)).toBe(true);
  expect([stalled, read, third].map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
});

test("one waiting response continues per turn of the event loop, and reads for a response that ends are notified", async () => {
  const memory = new ResponseMemory();
  const large = memory.share();
  await large.take(100 * MEBIBYTE);
  const order: string[] = [];
  for (const name of ["first", "second"]) {
    void memory
      .share()
      .take(1)
      .then(() => order.push(name));
  }
  expect(large.ended.aborted).toBe(false);
  large.release();
  expect(large.ended.aborted).toBe(true);
  await vi.advanceTimersToNextTimerAsync();
  expect(order).toEqual(["first"]);
  await vi.advanceTimersToNextTimerAsync();
  expect(order).toEqual(["first", "second"]);
});

test("eight are read at a time, and a waiting one is notified when its client disconnects", async () => {
  const memory = new ResponseMemory();
  const readers = Array.from({ length: 8 }, () => memory.share());
  for (const reader of readers) await reader.take(1);
  const [left, next] = [memory.share(), memory.share()];
  const leaving = left.take(1);
  const waiting = next.take(1);
  expect(await isSettled(waiting)).toBe(false);
  left.release();
  await expect(leaving).rejects.toThrow("The reader of this response has gone.");
  readers[0]?.handedOn();
  expect(await isSettled(waiting)).toBe(true);
  expect([left.bytes, next.bytes]).toEqual([0, 1]);
});

test("one whose client disconnects leaves the queue, holds nothing, and stops reading", async () => {
  const memory = new ResponseMemory();
  const [gone, going] = [new AbortController(), new AbortController()];
  const large = memory.share();
  await large.take(64 * MEBIBYTE);
  large.handedOn();
  const left = memory.share(going.signal);
  const leaving = left.take(5 * MEBIBYTE);
  leaving.catch(() => undefined);
  const next = memory.share().take(MEBIBYTE);
  going.abort(new Error("gone"));
  await expect(leaving).rejects.toThrow("gone");
  expect({ bytes: left.bytes, reason: String(left.ended.reason) }).toEqual({ bytes: 0, reason: "Error: gone" });
  large.hold(MEBIBYTE);
  expect(await isSettled(next)).toBe(true);
  gone.abort(new Error("gone before"));
  await expect(memory.share(gone.signal).take(1)).rejects.toThrow("gone before");
});
