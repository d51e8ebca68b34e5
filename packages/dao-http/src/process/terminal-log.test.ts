import { UnavailableError } from "@flux/dao-core/contract";
import { describe, expect, test } from "vitest";
import type { LogLevel } from "../app/log.ts";
import { id, KEY, testApp } from "../testing/test-app.ts";
import { terminalLogger } from "./terminal-log.ts";

function appOnTerminal(level: LogLevel, hasColors = false, answer?: Parameters<typeof testApp>[0]) {
  const lines: string[] = [];
  const logger = terminalLogger(level, (line) => lines.push(line), hasColors);
  return { ...testApp(answer, { logger }), lines, logger };
}

const TIME = String.raw`^\d\d:\d\d:\d\d`;

describe("the log on a terminal", () => {
  test("is a line per request: time, method, path as sent, status, ms, and the key's name", async () => {
    const { call, lines } = appOnTerminal("info", false, () => ({ id }));
    await call("GET", `/api/v1/users/${id}`);
    expect(lines.join("")).toMatch(new RegExp(`${TIME} GET /api/v1/users/${id} 200 \\d+\\.\\d ms goal-planner\n$`));
  });

  test("has a 4xx's detail, and a 403's path, but neither query nor key", async () => {
    const { call, lines } = appOnTerminal("info");
    await call("GET", "/api/v1/users/?x=private");
    await call("GET", `/api/v1/users/${id}`, { headers: { "X-Flux-Service-Key": "wrong-key" } });
    expect(lines[0]).toMatch(/ GET \/api\/v1\/users\/ 400 \S+ ms goal-planner .*x .*\.\n$/);
    expect(lines[1]).toMatch(new RegExp(` GET /api/v1/users/${id} 403 \\S+ ms The header X-Flux-Service-Key .*\n$`));
    for (const secret of [KEY, "wrong-key", "private"]) expect(lines.join("")).not.toContain(secret);
  });

  test("cannot be forged by what callers send", async () => {
    const { call, lines, logger } = appOnTerminal("info");
    await call("GET", "/api/v1/users/?%1b%5b2J%0aname=1");
    expect(lines.join("")).toMatch(/^[^\n]*\n$/);
    expect(lines.join("")).not.toContain("\u001b");
    logger.warn({ statement: "a\nb" }, "slow statement");
    expect(lines[1]).toMatch(new RegExp(`${TIME} warn slow statement .*\n$`));
  });

  test("shows probes at debug alone, and colours if the terminal has them", async () => {
    const quiet = appOnTerminal("info");
    await quiet.call("GET", "/health");
    expect(quiet.lines).toEqual([]);
    const verbose = appOnTerminal("debug", true);
    await verbose.call("GET", "/health");
    expect(verbose.lines.join("")).toContain("GET /health \u001b[32m200\u001b[0m");
  });

  test("shows why a request failed, with the stack, or was rejected", async () => {
    const failing = appOnTerminal("error", false, () => Promise.reject(new Error("boom")));
    await failing.call("GET", `/api/v1/users/${id}`);
    expect(failing.lines.join("")).toMatch(/ 500 [\s\S]*boom[\s\S]*\n +at /);
    const busy = appOnTerminal("warn", false, () => Promise.reject(new UnavailableError("The pool is busy.")));
    await busy.call("GET", `/api/v1/users/${id}`);
    expect(busy.lines.join("")).toMatch(/ 503 \S+ ms goal-planner The pool is busy\.\n$/);
  });
});
