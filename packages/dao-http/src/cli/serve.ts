import cluster from "node:cluster";
import { on } from "node:events";
import { setFlagsFromString } from "node:v8";
import type { ServerOptions, SharedPort } from "../node/server.ts";
import { type Serving, STOP, type WorkerMessage, workerProcesses } from "../process/cluster.ts";
import { HTTP_SETTINGS, LIMIT_SETTINGS, readSettings, type Settings, variableOf } from "../process/settings.ts";
import { PRIMARY_REPLY_WAIT } from "../wire/limits.ts";
import { type Command, DATABASE_OPTIONS, fail, writeStderr, writeWarnings } from "./command.ts";

/** SIGHUP comes when a terminal closes. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** As `toLocaleString` groups digits, without loading its locales at each start, which takes 16 ms. */
const grouped = (value: number) => String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");

const usage = `Usage: flux-dao serve [--database-url URL] [--schema NAME] [--port PORT]

Serves the REST API until it receives SIGINT (Ctrl-C), SIGTERM or SIGHUP.

${DATABASE_OPTIONS}
  --port PORT         in place of PORT

Settings come from the environment, and what it does not set from the file .env in the working directory:
  DATABASE_URL      postgres://user:password@host:5432/database
  DATABASE_READ_URL a standby of it, which reads are sent to  (none)
  DB_SCHEMA         PostgreSQL schema of the tables  (public)
  SERVICE_API_KEYS  ["key", …] or {"goal-planner": "key", …} or key,key
  HOST              address to listen on      (127.0.0.1)
  PORT              port to listen on         (8000)
  PROCESSES         processes on that port    (1)
  DB_POOL_SIZE      connections of a process to the database  (10)
  DB_PREPARE        false behind a proxy that pools by transaction  (true)
  DB_CHANGES_RETENTION_DAYS  days for which changes are kept  (7)
  DB_SLOW_STATEMENT_MS  statements that take longer are logged  (none)
  CORS_ORIGINS      origins whose pages may call the API, https://app.example.com,…  (none)
  BASE_PATH         the path under which a proxy passes requests on  (/)
  LOG_LEVEL         trace, debug, info, warn, error, fatal or silent  (info)

Limits, in milliseconds if nothing else is said:
${Object.entries({ ...LIMIT_SETTINGS, ...HTTP_SETTINGS })
  .map(([option, [, usual, meaning]]) => `  ${variableOf(option).padEnd(34)}${meaning}  (${grouped(usual)})`)
  .join("\n")}
`;

export const serveCommand: Command = {
  summary: "serve the REST API",
  usage,
  options: {},
  settings: ["database-url", "schema", "port"],
  async run() {
    await serve(readSettings(process.env));
    return undefined;
  },
};

async function serve(settings: Settings): Promise<void> {
  if (cluster.isWorker) await serveAsWorker(settings);
  else if (settings.processes === 1) {
    const service = await startService(settings);
    stopOnSignal({ stop: service.stop, kill: () => undefined });
    reportServing(service, settings);
  } else {
    const workers = workerProcesses(writeStderr, settings.http.gracePeriod);
    const serving = await workers.start(settings.processes);
    stopOnSignal(workers);
    reportServing(serving, settings);
  }
}

/** Percent of growth between full collections. By V8's default, up to 300, a heap of 20 MB grows to 200 (docs/decisions.md). */
const HEAP_GROWTH = 50;

/** Loads the service; the process that only distributes connections does not need it. */
async function startService(settings: Settings, options: Pick<ServerOptions, "sharedPort"> = {}) {
  const [log, service] = await Promise.all([import("../process/terminal-log.ts"), import("../process/service.ts")]);
  const logger = log.openLog({ level: settings.logLevel, isShared: cluster.isWorker });
  const running = await service.startService(settings, logger, options);
  // Not earlier: with other flags, V8 compiles the modules of Node.js anew, whose compiled code Node.js brings along.
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
  return running;
}

/** Serves until the primary process stops it, or ends: then `node:cluster` ends this one too. */
async function serveAsWorker(settings: Settings): Promise<void> {
  // A message cannot be sent: the primary process has ended.
  cluster.worker?.on("error", () => process.exit(1));
  let stop = async () => {};
  const onStop = () => {
    stop().then(() => process.exit(0), fail);
  };
  process.on("message", (message) => {
    if (message === STOP) onStop();
  });
  // A signal from a terminal reaches all processes of the group, and may come twice.
  for (const signal of STOP_SIGNALS) process.on(signal, onStop);
  const service = await startService(settings, { sharedPort });
  stop = service.stop;
  const { url, database, warnings } = service;
  notify({ kind: "serving", url, database, warnings });
}

const sharedPort: SharedPort = {
  whenHandedOver: () => replied("handed over"),
  whenClosed: () => replied("port closed"),
};

/** Sends this to the primary process, and waits until it is sent back, or for a second: it may hang. */
async function replied(reply: "handed over" | "port closed"): Promise<void> {
  const messages = on(process, "message", { signal: AbortSignal.timeout(PRIMARY_REPLY_WAIT) });
  notify({ kind: reply });
  try {
    for await (const [received] of messages) if (received === reply) return;
  } catch {
    // The second is over.
  }
}

function notify(message: WorkerMessage): void {
  process.send?.(message);
}

function reportServing({ url, database, warnings }: Serving, { processes }: Settings): void {
  writeWarnings(warnings);
  writeStderr(
    `Flux DAO service at ${url}, on ${database}${processes > 1 ? `, by ${processes} processes` : ""}.`,
    `  The data   ${url}/explore`,
    `  API pages  ${url}/docs  ${url}/redoc  ${url}/openapi.json`,
    "  Stop it with Ctrl-C or SIGTERM.",
  );
}

/** @param service `kill` ends children that would outlive this process */
function stopOnSignal(service: { stop(): Promise<void>; kill(): void }): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    // A terminal that closes sends it twice, as its shell and its kernel do.
    if (isStopping && signal === "SIGHUP") return;
    if (isStopping) {
      writeStderr("Stopped immediately; requests in progress were dropped.");
      service.kill();
      process.exit(1);
    }
    isStopping = true;
    writeStderr(`${signal}: finishing requests in progress. Send it again to stop immediately.`);
    service.stop().then(() => process.exit(0), fail);
  };
  for (const stopping of STOP_SIGNALS) process.on(stopping, onSignal);
}
