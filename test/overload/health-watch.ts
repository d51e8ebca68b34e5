import { setTimeout as delay } from "node:timers/promises";
import type { LongRun } from "../long-runs/long-run.ts";
import type { HealthReport } from "./health-probe.ts";
import { type OverloadPrograms, type ServiceProcess, startHealthProbe } from "./service-process.ts";

/** How a service behaved under abuse. */
export interface ServiceWatch {
  readonly health: HealthReport;
  /** Megabytes of RSS: before, and at most. */
  readonly before: number;
  readonly most: number;
  /** Milliseconds of the longest delay of the service's event loop. */
  readonly late: number;
  /** Milliseconds of CPU time of the longest turn of its event loop: what would be left of the delay on a CPU of its own. */
  readonly turn: number;
  /** How the service ended, if it did. */
  readonly ended: string | undefined;
}

/** Polls `/health` from a process of its own, and the service's memory, until `work` is done. */
export async function watchService(
  programs: OverloadPrograms,
  { port, child }: ServiceProcess,
  work: () => Promise<unknown>,
): Promise<ServiceWatch> {
  const probe = startHealthProbe(programs);
  const memory = () => child.ask("memory", { collect: false });
  const { rssMb: before } = await memory();
  await probe.ask("begin", { port, pid: child.pid });
  let [most, late, turn] = [before, 0, 0];
  let ended: string | undefined;
  let isOver = false;
  void child.ended.then((how) => {
    ended = how;
  });
  const looking = (async () => {
    while (!isOver && ended === undefined) {
      const { rssMb, lateMs, turnMs } = await memory();
      most = Math.max(most, rssMb);
      late = Math.max(late, lateMs);
      turn = Math.max(turn, turnMs);
      await delay(20);
    }
  })().catch((error: unknown) => {
    ended ??= String(error);
  });
  await work();
  isOver = true;
  await looking;
  const health = await probe.ask("end", null);
  await probe.stop();
  return { health, before, most, late, turn, ended };
}

/**
 * Milliseconds within which `/health` responds, whatever slow clients do, not counting the time for which either process waits
 * for a CPU; and CPU time that a turn of the event loop may take.
 */
const HEALTH_MS = 100;
const TURN_MS = 50;

export const WATCH_HEAD = [
  "",
  "MB before",
  "MB at most",
  "longest turn, ms of CPU",
  "event loop late, ms",
  "/health p99, ms",
  "slowest, ms",
  "of that its own at least, ms",
  "an idle process late, ms",
];

const whole = (value: number) => Math.round(value).toLocaleString("en");

/** One row of the table: how a service behaved under abuse. */
export function reportWatch(
  name: string,
  { health, before, most, late, turn }: ServiceWatch,
  mostMb: number,
  run: LongRun,
): string[] {
  const { failures, p99, slowest, ownSlowest } = health;
  run.check(failures === 0, `${name}: /health failed ${failures} times`);
  run.check(
    ownSlowest <= HEALTH_MS,
    `${name}: /health took ${whole(slowest)} ms; at least ${whole(ownSlowest)} ms of one are the service's own, whatever else ` +
      `used the CPU; an idle process was ${whole(health.late)} ms late`,
  );
  run.check(turn <= TURN_MS, `${name}: a turn of the event loop took ${whole(turn)} ms of CPU time`);
  run.check(most <= mostMb, `${name}: ${whole(most)} MB`);
  return [name, ...[before, most, turn, late, p99, slowest, ownSlowest, health.late].map(whole)];
}

/** What a readiness probe sees of an overloaded service. */
export interface ReadyWatch {
  /** Responses of `/ready` by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds of the slowest. */
  readonly slowest: number;
}

/** Requests `/ready` twice a second until `signal` aborts. */
export async function watchReady(port: number, signal: AbortSignal): Promise<ReadyWatch> {
  const statuses: Record<string, number> = {};
  let slowest = 0;
  while (!signal.aborted) {
    const start = performance.now();
    const { status } = await fetch(`http://127.0.0.1:${port}/ready`);
    slowest = Math.max(slowest, performance.now() - start);
    statuses[status] = (statuses[status] ?? 0) + 1;
    await delay(500);
  }
  return { statuses, slowest };
}
