import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { progressBar } from "./seed.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

/** A bar over 1,000 tasks, updated at a time after its start, and what it wrote. */
function barOn(terminal: { readonly isTTY?: true; readonly columns?: number }) {
  const written: string[] = [];
  const write = (text: string | Uint8Array) => {
    written.push(String(text));
    return true;
  };
  const bar = progressBar({ ...terminal, write }, 1_000, "tasks");
  const start = performance.now();
  const at = (elapsed: number, done: number) => {
    vi.advanceTimersByTime(elapsed - (performance.now() - start));
    bar.update(done);
  };
  return { bar, at, written };
}

test("on a terminal it is redrawn at most ten times a second, with the remaining time", () => {
  const { bar, at, written } = barOn({ isTTY: true, columns: 100 });
  at(50, 10);
  expect(written).toEqual([]);
  at(1_000, 250);
  at(1_050, 260);
  expect(written).toEqual(["\r[######------------------] 25 %  250 of 1,000 tasks, 3 s left\u001b[K"]);
  at(120_000, 1_000);
  expect(written[1]).toContain("100 %  1,000 of 1,000 tasks, 0 s left");
  bar.clear();
  expect(written[2]).toBe("\r\u001b[K");
});

test("it is never wider than the terminal", () => {
  const { at, written } = barOn({ isTTY: true, columns: 20 });
  at(100, 1);
  expect(written).toEqual(["\r[------------------\u001b[K"]);
});

test("elsewhere it is a line every ten seconds", () => {
  const { bar, at, written } = barOn({});
  at(9_000, 1);
  at(10_000, 2);
  at(19_000, 3);
  at(20_000, 4);
  bar.clear();
  expect(written).toEqual(["0 %  2 of 1,000 tasks, 1 h 23 min left\n", "0 %  4 of 1,000 tasks, 1 h 23 min left\n"]);
});
