import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createConcurrencyLimit } from "./concurrency-limit.ts";

/** Work that runs until the test ends it. */
function openWork() {
  let end: () => void = () => undefined;
  const work = vi.fn(() => new Promise<string>((resolve) => (end = () => resolve("done"))));
  return { work, end: () => end() };
}

const refused = { code: "unavailable" };

describe("ConcurrencyLimit", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("rejects requests beyond the limit without starting them, and admits others when there is room", async () => {
    const limit = createConcurrencyLimit({ inProgress: 1, waiting: 0 });
    const first = openWork();
    const running = limit.run(first.work);
    const second = openWork();
    await expect(limit.run(second.work)).rejects.toMatchObject(refused);
    expect(second.work).not.toHaveBeenCalled();
    first.end();
    expect(await running).toBe("done");
    expect(await limit.run(async () => "let in")).toBe("let in");
  });

  test("waiting requests are admitted one by one, in order", async () => {
    const limit = createConcurrencyLimit({ inProgress: 1, waiting: 2 });
    const first = openWork();
    const running = limit.run(first.work);
    const begun: string[] = [];
    const waiting = ["second", "third"].map((name) => limit.run(async () => begun.push(name)));
    await expect(limit.run(async () => "done")).rejects.toMatchObject(refused);
    expect(begun).toEqual([]);
    first.end();
    await Promise.all([running, ...waiting]);
    expect(begun).toEqual(["second", "third"]);
  });

  test("a request that has waited for 5 s is rejected, and no other", async () => {
    const limit = createConcurrencyLimit({ inProgress: 1, waiting: 10 });
    const { work, end } = openWork();
    const running = limit.run(work);
    const outcome = (wait: Promise<string>) => wait.catch((error: unknown) => error);
    const early = outcome(limit.run(async () => "let in"));
    await vi.advanceTimersByTimeAsync(3_000);
    const late = outcome(limit.run(async () => "let in"));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await early).toMatchObject(refused);
    await vi.advanceTimersByTimeAsync(2_000);
    end();
    expect(await running).toBe("done");
    expect(await late).toBe("let in");
  });

  test("work that fails frees its slot", async () => {
    const limit = createConcurrencyLimit({ inProgress: 1, waiting: 0 });
    for (let time = 0; time < 2; time++) {
      await expect(limit.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    }
  });

  test("100 rejections a second are sent at once, others 2 s later", async () => {
    const limit = createConcurrencyLimit({ inProgress: 0, waiting: 0 });
    const outcomes = Array.from({ length: 100 }, () => limit.run(async () => "done"));
    for (const outcome of outcomes) await expect(outcome).rejects.toMatchObject(refused);
    let isSettled = false;
    const late = limit.run(async () => "done").catch((error: unknown) => error);
    void late.then(() => (isSettled = true));
    await vi.advanceTimersByTimeAsync(1_990);
    expect(isSettled).toBe(false);
    await vi.advanceTimersByTimeAsync(20);
    expect(await late).toMatchObject(refused);
    // Another second has begun.
    await expect(limit.run(async () => "done")).rejects.toMatchObject(refused);
  });

  test("a delayed rejection is dropped if there is room by then", async () => {
    const limit = createConcurrencyLimit({ inProgress: 1, waiting: 0 });
    const { work, end } = openWork();
    const running = limit.run(work);
    const early = Array.from({ length: 100 }, () => limit.run(async () => "done").catch(() => "refused"));
    const late = limit.run(async () => "let in");
    expect(new Set(await Promise.all(early))).toEqual(new Set(["refused"]));
    end();
    await running;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await late).toBe("let in");
  });

  test("no more than 4,096 rejections are delayed", async () => {
    // Fake timers would take seconds for so many.
    vi.useRealTimers();
    const limit = createConcurrencyLimit({ inProgress: 0, waiting: 0 });
    let held = 5_000;
    const outcomes = Array.from({ length: 5_000 }, () => limit.run(async () => "done").catch(() => held--));
    await new Promise((resolve) => setImmediate(resolve));
    expect(held).toBe(4_096);
    await Promise.all(outcomes);
    expect(held).toBe(0);
  });
});
