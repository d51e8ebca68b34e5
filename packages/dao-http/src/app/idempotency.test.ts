import type { DatabaseSession } from "@flux/dao-core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { cleanup } from "./idempotency.ts";

const HOUR = 3_600_000;

/** A cleanup, what it calls, and its log. */
function sweeping(deleteExpired: () => Promise<number>, isTransaction = false) {
  const spy = vi.fn(deleteExpired);
  const warn = vi.fn();
  const session: unknown = { isTransaction };
  const logger = { info: () => undefined, error: () => undefined, warn };
  return { cleanUpIfDue: cleanup(session as DatabaseSession, logger, "keys", spy), deleteExpired: spy, warn };
}

afterEach(() => vi.restoreAllMocks());

describe("the cleanup of what has expired", () => {
  test("runs on the first request, and then at most once an hour", () => {
    const now = vi.spyOn(performance, "now");
    const { cleanUpIfDue, deleteExpired } = sweeping(async () => 0);
    const sweepsAt = (time: number) => {
      now.mockReturnValue(time);
      cleanUpIfDue();
      return deleteExpired.mock.calls.length;
    };
    expect([5, 6, HOUR + 4, HOUR + 5, HOUR + 6, 9 * HOUR].map(sweepsAt)).toEqual([1, 1, 1, 2, 2, 3]);
  });

  test("a failure is logged as a warning, and never thrown, even if the log fails too", async () => {
    const { cleanUpIfDue, warn } = sweeping(() => Promise.reject(new Error("The database cannot be reached.")));
    warn.mockImplementation(() => {
      throw new Error("The log is full.");
    });
    cleanUpIfDue();
    await vi.waitFor(() => expect(warn).toHaveBeenCalled());
    expect(warn.mock.calls).toEqual([
      [{ detail: "The database cannot be reached." }, "expired keys could not be deleted"],
    ]);
  });

  test("does not run in an application's transaction", () => {
    const { cleanUpIfDue, deleteExpired } = sweeping(async () => 0, true);
    cleanUpIfDue();
    expect(deleteExpired).not.toHaveBeenCalled();
  });
});
