#!/usr/bin/env node
import cluster from "node:cluster";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isDaoError } from "@flux/dao-core/errors";
import { limitHeapGrowth } from "./heap-growth.ts";
import type { ServerOptions } from "./http-server.ts";
import { readSettings, type Settings, SettingsError } from "./settings.ts";
import { PORT_CLOSED, STOP, type WorkerMessage } from "./worker-message.ts";
import { type Serving, WorkerError, WorkerProcesses } from "./worker-processes.ts";

const usage = `Usage: flux-dao serve

Serves the REST API of the Flux data layer.

Settings come from the environment:
  DATABASE_URL      postgres://user:password@host:5432/database
  SERVICE_API_KEYS  ["key", …] or {"goal-planner": "key", …} or key,key
  HOST              address to listen on      (127.0.0.1)
  PORT              port to listen on         (8000)
  PROCESSES         processes on that port    (1)
  DB_POOL_SIZE      connections of a process to the database  (10)
  DB_PREPARE        false behind a proxy that pools by transaction  (true)
  LOG_LEVEL         trace, debug, info, warn, error, fatal or silent  (info)
`;

/** A mistake in how the command was called. */
class UsageError extends Error {}

/** What runs until it is told to stop. */
interface Stoppable {
  stop(): Promise<void>;
  /** Ends what would outlive this process. */
  kill(): void;
}

/** For a person; standard output is the log's. */
function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const { command, isHelp } = parseCommand(args);
  if (isHelp) process.stdout.write(usage);
  else if (command === "serve") await serve(readSettings(process.env));
  else throw new UsageError(command === undefined ? "A command is missing." : `There is no command ${command}.`);
}

function parseCommand(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
    if (positionals.length > 1) throw new UsageError(`${positionals[1]} is one argument too many.`);
    return { command: positionals[0], isHelp: values.help === true };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function serve(settings: Settings): Promise<void> {
  if (cluster.isWorker) await serveAsWorker(settings);
  else if (settings.processes === 1) {
    const service = await startService(settings);
    stopOnSignal({ stop: service.stop, kill: () => undefined });
    sayServing(service, settings);
  } else {
    const workers = new WorkerProcesses(say);
    const serving = await workers.start(settings.processes);
    stopOnSignal(workers);
    sayServing(serving, settings);
  }
}

/** Loads what serves: the process that only deals out connections does without. */
async function startService(settings: Settings, options: Pick<ServerOptions, "whenPortIsClosed"> = {}) {
  limitHeapGrowth();
  const [log, service] = await Promise.all([import("./log.ts"), import("./service.ts")]);
  const destination = log.openStandardOutput({ isShared: cluster.isWorker });
  return service.startService(settings, log.createLogger({ level: settings.logLevel, destination }), options);
}

/** Milliseconds that answers wait at most for the other processes to close the port, when all of them stop. */
const LONGEST_HOLD = 1_000;

/** Serves until the process that started this one says so, or ends: then `node:cluster` ends this one too. */
async function serveAsWorker(settings: Settings): Promise<void> {
  let stop = async () => {};
  const othersClosed = new Promise<void>((resolve) => {
    process.on("message", (message) => {
      if (message === PORT_CLOSED) resolve();
    });
  });
  const whenPortIsClosed = () => {
    tell({ kind: "port closed" });
    return Promise.race([othersClosed, delay(LONGEST_HOLD)]);
  };
  const onStop = () => {
    stop().then(() => process.exit(0), fail);
  };
  process.on("message", (message) => {
    if (message === STOP) onStop();
  });
  // Whoever asks a whole group to end, as a terminal does, asks the others too. It may be asked twice.
  process.on("SIGINT", onStop).on("SIGTERM", onStop);
  const service = await startService(settings, { whenPortIsClosed });
  stop = service.stop;
  const { url, database, warnings } = service;
  tell({ kind: "serving", url, database, warnings });
}

function tell(message: WorkerMessage, onSent?: () => void): void {
  process.send?.(message, undefined, undefined, onSent);
}

function sayServing({ url, database, warnings }: Serving, { processes }: Settings): void {
  say(
    ...warnings.map((warning) => `Warning: ${warning}`),
    `Flux DAO service at ${url}, on ${database}${processes > 1 ? `, by ${processes} processes` : ""}.`,
    `  API pages  ${url}/docs  ${url}/redoc  ${url}/openapi.json`,
    "  Stop it with Ctrl-C or SIGTERM.",
  );
}

function stopOnSignal(service: Stoppable): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) {
      say("Stopped at once, with requests unanswered.");
      service.kill();
      process.exit(1);
    }
    isStopping = true;
    say(`${signal}: finishing the requests that are being answered. Send it again to stop at once.`);
    service.stop().then(() => process.exit(0), fail);
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
}

/** Ends the process: with a sentence for what a person can mend, with a stack for what only a programmer can. */
function fail(error: unknown): void {
  if (error instanceof UsageError) {
    say(error.message, "", usage);
    process.exit(2);
  }
  const lines = explain(error);
  // Of several processes one speaks.
  if (cluster.isWorker && process.connected) tell({ kind: "failed", lines }, () => process.exit(1));
  else {
    say(...lines);
    process.exit(1);
  }
}

function explain(error: unknown): readonly string[] {
  if (error instanceof SettingsError) return error.problems;
  if (error instanceof WorkerError) return error.lines;
  if (isDaoError(error)) return [error.message];
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

main(process.argv.slice(2)).catch(fail);
