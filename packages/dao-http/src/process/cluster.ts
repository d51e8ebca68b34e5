import cluster, { type Worker } from "node:cluster";
import { setTimeout as delay } from "node:timers/promises";
import * as limits from "../wire/limits.ts";

/** What a worker sends to the primary process. */
export type WorkerMessage =
  | { readonly kind: "serving"; readonly url: string; readonly database: string; readonly warnings: readonly string[] }
  /** It waits until this is sent back: what had arrived at the port has been handed to the processes. */
  | { readonly kind: "handed over" }
  /** It has closed the port, and holds its responses until this is sent back: no process accepts connections any longer. */
  | { readonly kind: "port closed" }
  /** It ends; `lines` give the reason for people. */
  | { readonly kind: "failed"; readonly lines: readonly string[] };

/** Sent to a worker: finish the requests in progress, then end. */
export const STOP = "stop";

export type Serving = Omit<Extract<WorkerMessage, { kind: "serving" }>, "kind">;

/** Processes could not be started, or not be stopped properly; `lines` give the reason. */
export class WorkerError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "WorkerError";
    this.lines = lines;
  }
}

/**
 * Several processes on one port, by `node:cluster`. One that ends is restarted; all end with this one, in any way.
 * @param report receives a sentence about each process that ended
 */
export function workerProcesses(report: (line: string) => void, gracePeriod = limits.GRACE_PERIOD) {
  const backoff = restartBackoff();
  const all = new Set<RunningWorker>();
  const stopping = new AbortController();
  return { start, stop, kill };

  /** @throws WorkerError if one fails before it serves; the others are not notified, and end with this process */
  async function start(count: number): Promise<Serving> {
    const workers = Array.from({ length: count }, fork);
    const [first] = await Promise.all(workers.map(({ serving }) => serving));
    if (first === undefined) throw new RangeError("There must be at least one process.");
    for (const worker of workers) void keepRunning(worker);
    return first;
  }

  /** @throws WorkerError if one of the processes fails, or takes too long and is killed */
  async function stop(): Promise<void> {
    stopping.abort();
    const workers = [...all];
    for (const running of workers) {
      send(running, STOP);
      // A message to one that is only starting may reach it before anything listens.
      running.serving.then(
        () => send(running, STOP),
        () => undefined,
      );
    }
    void announcePortClosed(workers);
    const timer = setTimeout(kill, gracePeriod + limits.WORKER_STOP_MARGIN);
    const ends = await Promise.all(workers.map(({ ended }) => ended));
    clearTimeout(timer);
    const failures = ends.filter(({ how }) => how !== "0");
    if (failures.length > 0) throw new WorkerError(failures.flatMap(({ lines }) => lines));
  }

  function kill(): void {
    for (const { worker } of all) worker.process.kill("SIGKILL");
  }

  function fork(): RunningWorker {
    const running = follow(cluster.fork());
    all.add(running);
    running.ended.then(() => all.delete(running));
    return running;
  }

  async function keepRunning(first: RunningWorker): Promise<void> {
    const { signal } = stopping;
    for (let running = first; ; running = fork()) {
      running.serving.catch(() => undefined);
      const { lines, lifetime } = await running.ended;
      if (signal.aborted) return;
      const pause = backoff(lifetime);
      const when = pause === 0 ? "now" : `in ${pause / 1_000} s`;
      report([...lines, `Another one is started ${when}.`].join(" "));
      await delay(pause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}

/** Each holds its responses until none accepts connections: a client that reconnects might get one that is about to close. */
async function announcePortClosed(workers: readonly RunningWorker[]): Promise<void> {
  await Promise.all(workers.map(({ hasClosedPort, ended }) => Promise.race([hasClosedPort, ended])));
  for (const running of workers) send(running, "port closed");
}

/**
 * Returns the delay in milliseconds before a process is restarted that ran for so long: 0 after the first short run, then 1,000,
 * doubling up to 30,000.
 */
export function restartBackoff(): (lifetime: number) => number {
  let shortLives = 0;
  return (lifetime) => {
    shortLives = lifetime < limits.SHORT_LIFETIME ? shortLives + 1 : 0;
    return shortLives < 2 ? 0 : Math.min(limits.FIRST_RESTART_DELAY * 2 ** (shortLives - 2), limits.LAST_RESTART_DELAY);
  };
}

type RunningWorker = ReturnType<typeof follow>;

function follow(worker: Worker) {
  closeUntaken(worker);
  const ended = endOf(worker);
  const failed = ended.then(({ lines }) => Promise.reject(new WorkerError(lines)));
  /** Rejects with a WorkerError if it ends before it serves. */
  const serving = Promise.race([messageOf(worker, "serving"), failed]);
  worker.on("message", ({ kind }: WorkerMessage) => {
    // At the end of a turn, which accepts a connection if one waits.
    if (kind === "handed over") setImmediate(() => send({ worker }, kind));
  });
  return { worker, ended, serving, hasClosedPort: messageOf(worker, "port closed") };
}

/** Closes the connection that a process had not taken when it was killed: `node:cluster` keeps its own copy open. */
function closeUntaken({ process: child }: Worker): void {
  const { send } = child;
  // The next one is handed over when this one is taken, and closed here.
  let handed: { close?(): void } | null = null;
  child.send = (...args: readonly unknown[]) => {
    if (typeof args[1] === "object") handed = args[1];
    return Reflect.apply(send, child, args);
  };
  child.once("close", () => handed?.close?.());
}

function send({ worker }: Pick<RunningWorker, "worker">, message: string): void {
  if (worker.isConnected()) worker.send(message);
}

/** The first message of this kind. */
function messageOf<Kind extends WorkerMessage["kind"]>(worker: Worker, kind: Kind) {
  return new Promise<Extract<WorkerMessage, { kind: Kind }>>((resolve) => {
    worker.on("message", (message: Extract<WorkerMessage, { kind: Kind }>) => {
      if (message.kind === kind) resolve(message);
    });
  });
}

/**
 * Resolves when it has ended and all its messages have arrived, or when it could not be started: with its exit code or signal, a
 * report, and how many milliseconds it ran.
 */
async function endOf(worker: Worker) {
  const begun = performance.now();
  let reason: readonly string[] | undefined;
  void messageOf(worker, "failed").then(({ lines }) => {
    reason = lines;
  });
  const how = await new Promise<string>((resolve) => {
    // Not by "disconnect", which Node.js does not emit if the process was killed before it had taken a connection handed to it.
    worker.process.once("close", (code, signal) => resolve(signal ?? String(code)));
    // A message to a process that has just ended is an error too, and irrelevant.
    worker.on("error", (error) => {
      if (worker.process.pid === undefined) resolve(error.message);
    });
  });
  return { how, lines: reason ?? [`A process of the service ended (${how}).`], lifetime: performance.now() - begun };
}
