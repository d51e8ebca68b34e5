import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect, parseArgs } from "node:util";
import { buildPackages } from "./build.ts";
import type { ServiceReport } from "./dev-service.ts";
import { onLauncherGone } from "./launchers.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";
import { repository } from "./repository.ts";

function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

const built = (path: string) => new URL(`../packages/${path}`, import.meta.url).href;

/** Outside of the ports that systems give to connections. */
const DATABASE_PORT = 15_432;
/** Milliseconds without a change after which a change is built: editors and git write several files. */
const QUIET = 200;

const { values: flags } = parseArgs({ options: { "no-seed": { type: "boolean" } } });

/**
 * Runs the service from a clean checkout: builds the packages that changed, starts an embedded PostgreSQL with its data in
 * `.data/` (unless `DATABASE_URL` is set), migrates it, fills a new one with demo data (unless `--no-seed` is given), and serves.
 * When sources change it builds and serves again.
 */
async function main(): Promise<never> {
  const stop = stopRequest();
  const cleanups: (() => Promise<unknown>)[] = [];
  let exitCode = 0;
  try {
    const postgres = await serve(stop, cleanups);
    const failure = await Promise.race([aborted(stop), postgres?.exited.then(endMessage) ?? aborted(stop)]);
    if (failure !== undefined) {
      writeStderr(failure);
      exitCode = 1;
    }
  } catch (error) {
    // Errors caused by the stop are expected.
    if (!stop.aborted) throw error;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
  process.exit(exitCode);
}

/**
 * Starts everything, and pushes what must be stopped later to `cleanups`, even on failure.
 *
 * @returns the embedded PostgreSQL, if there is one
 * @throws the signal's reason if the stop is requested before everything runs
 */
async function serve(stop: AbortSignal, cleanups: (() => Promise<unknown>)[]): Promise<EmbeddedPostgres | undefined> {
  writeStderr("Building …");
  await buildPackages(stop);
  const core: typeof import("@flux/dao-core") = await import(built("dao-core/dist/index.js"));
  const http: typeof import("@flux/dao-http/server") = await import(built("dao-http/dist/server.js"));

  const environment = { ...process.env };
  const isEmbedded = (environment["DATABASE_URL"] ?? "") === "";
  // Validate the settings before anything is started. Only the embedded database's URL is still unknown.
  const checked = http.readSettings(isEmbedded ? { ...environment, DATABASE_URL: "memory://" } : environment);
  stop.throwIfAborted();
  const postgres = isEmbedded ? await startPostgres() : undefined;
  if (postgres !== undefined) cleanups.push(() => postgres.stop());
  stop.throwIfAborted();

  const url = postgres?.url ?? checked.databaseUrl;
  const database = await core.openDatabase(url, { poolSize: 4, schema: checked.schema });
  const migration = await database.migrate({ changes: true });
  if (postgres !== undefined && migration.from === 0 && flags["no-seed"] !== true) {
    writeStderr("Writing demo data …");
    const { demoDataSize, writeDemoData }: typeof import("@flux/dao-core/testing") = await import(
      built("dao-core/dist/testing/index.js")
    );
    await writeDemoData(database, { ...demoDataSize({ users: 20 }), concurrency: 4, signal: stop });
  }
  await database.close();
  stop.throwIfAborted();

  const start = () => startService({ ...environment, DATABASE_URL: url });
  let running = await start();
  cleanups.push(() => running.stop());
  const { service } = running;
  if ("failure" in service) throw new Error(service.failure);
  stop.throwIfAborted();
  writeStderr(
    ...service.warnings.map((warning) => `Warning: ${warning}`),
    ...migration.violations.map(({ message }) => `Warning: ${message}`),
    "",
    `  REST API   ${service.url}/api/v1`,
    `  The data   ${service.url}/explore`,
    `  API pages  ${service.url}/docs  ${service.url}/redoc  ${service.url}/openapi.json`,
    ...(checked.keys === http.DEVELOPMENT_KEYS ? [`  Key        ${http.DEVELOPMENT_KEYS[0]?.key}`] : []),
    `  Database   ${postgres === undefined ? service.database : describe(postgres)}, schema version ${migration.to}`,
    ...(postgres === undefined ? [] : [`             ${url}`]),
    "  Stop       Ctrl-C",
    "",
  );
  onSourceChange(stop, async () => {
    await buildPackages(stop);
    await running.stop();
    running = await start();
    writeStderr("failure" in running.service ? running.service.failure : `Restarted at ${running.service.url}`);
  });
  return postgres;
}

interface RunningService {
  readonly service: ServiceReport;
  stop(): Promise<void>;
}

/** Starts the service, away from the terminal's Ctrl-C, which only this process handles. */
async function startService(env: NodeJS.ProcessEnv): Promise<RunningService> {
  const script = fileURLToPath(new URL("dev-service.ts", import.meta.url));
  const child: ChildProcess = fork(script, { execArgv: ["--import", "tsx"], env, detached: true });
  const exited = once(child, "exit");
  const ended = exited.then(([code]) => ({ failure: `The service ended (${code}).` }));
  const service: ServiceReport = await Promise.race([once(child, "message").then(([message]) => message), ended]);
  const stop = async () => {
    if (child.connected) child.disconnect();
    await exited;
  };
  return { service, stop };
}

/** Calls `onChange` after changes of the packages' sources, one call at a time; its errors are shown. */
function onSourceChange(stop: AbortSignal, onChange: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined;
  let work = Promise.resolve();
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      work = work.then(onChange).catch((error: unknown) => {
        if (!stop.aborted) writeStderr(error instanceof Error ? error.message : String(error));
      });
    }, QUIET);
  };
  for (const name of ["dao-core", "dao-http"]) {
    watch(join(repository, "packages", name, "src"), { recursive: true, signal: stop }, changed);
  }
}

async function startPostgres(): Promise<EmbeddedPostgres> {
  writeStderr("Starting PostgreSQL …");
  const wanted = process.env["DEV_DATABASE_PORT"];
  const port = wanted === undefined ? DATABASE_PORT : Number(wanted);
  const dataDirectory = join(repository, ".data", "postgres");
  const starting = startEmbeddedPostgres({ dataDirectory, ...(port !== 0 && { port }) });
  const postgres = await starting.catch((error: unknown) => {
    if (!/^Port \d+ /.test(String(Object(error).message))) throw error;
    throw new Error(
      `Port ${port} of the database is in use or not permitted. Stop what listens there (another \`dev\`?), or set ` +
        "DEV_DATABASE_PORT to another port; 0 chooses a free one.",
    );
  });
  if (postgres.note !== undefined) writeStderr(postgres.note);
  return postgres;
}

function describe({ version, dataDirectory }: EmbeddedPostgres): string {
  return `embedded PostgreSQL ${version}, its data in ${dataDirectory}`;
}

function endMessage(exit: string): string {
  return `PostgreSQL ended by itself (${exit}), so the service stops. Run the same command again to start both.`;
}

/** Aborted by a signal to this process, or when npx, pnpm or the shell that started it is gone. */
function stopRequest(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    // Ctrl-C reaches every process of the terminal, and some of them forward it, so it may arrive more than once.
    if (controller.signal.aborted) return;
    writeStderr("Stopping …");
    controller.abort();
  };
  onLauncherGone(onSignal);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  return controller.signal;
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, "abort");
}

/**
 * Errors of settings, servers and databases are readable sentences; a TypeError or ReferenceError is a bug and needs its
 * stack.
 */
function fail(error: unknown): never {
  const isBug = error instanceof TypeError || error instanceof ReferenceError || !(error instanceof Error);
  writeStderr(isBug ? inspect(error) : error.message);
  process.exit(1);
}

main().catch(fail);
