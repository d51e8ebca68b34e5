import { timingSafeEqual } from "node:crypto";
import { createDaoApp } from "@flux/dao-http";
import { createLogger } from "@flux/dao-http/server";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { useRestServer } from "./server.ts";

// Timings are unreliable on a busy machine, so this counts the comparisons: one, always of equal length, for each configured
// key, whichever key was sent.
vi.mock("node:crypto", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:crypto")>();
  return { ...original, timingSafeEqual: vi.fn(original.timingSafeEqual) };
});

const { call } = useRestServer();

describe("REST: the key is compared in constant time", () => {
  beforeEach(() => {
    vi.mocked(timingSafeEqual).mockClear();
  });

  test.each([
    ["the first key", "goal-planner-key-abc", 200],
    ["the second key", "scheduler-key-def", 200],
    ["the last key", "observer-key-ghi", 200],
    ["one that differs in its last character", "goal-planner-key-abd", 403],
    ["one that differs in its first character", "xoal-planner-key-abc", 403],
    ["a short one", "x", 403],
    ["a long one", "x".repeat(4_000), 403],
    ["one beyond ASCII", "é", 403],
  ])("%s", async (_, key, status) => {
    const answer = await call("GET", "/api/v1/users/", { headers: { "X-Flux-Service-Key": key } });
    expect(answer.status).toBe(status);
    const comparisons = vi.mocked(timingSafeEqual).mock.calls;
    expect(comparisons).toHaveLength(3);
    expect(new Set(comparisons.flat().map((bytes) => bytes.byteLength)).size).toBe(1);
  });
});

describe("REST: everything needs a key", () => {
  test("an app without any key is rejected, rather than open or closed to all", () => {
    const logger = createLogger({ level: "silent" });
    const services = Object.create(null);
    expect(() => createDaoApp({ services, keys: [], logger })).toThrow(/key/);
  });
});
