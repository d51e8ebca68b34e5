import { once } from "node:events";
import { join } from "node:path";
import { inspect } from "node:util";
import { buildPackages } from "./build.ts";
import { onLauncherGone } from "./launchers.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";
import { repository } from "./repository.ts";

function writeStderr(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

const built = (path: string) => new URL(`../packages/${path}`, import.meta.url).href;

/**
 * Runs the service from a clean checkout: builds the packages that changed, starts an embedded PostgreSQL with its data in
 * `.data/` (unless `DATABASE_URL` is set), migrates it, and serves.
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

  const settings = { ...checked, databaseUrl: postgres?.url ?? checked.databaseUrl };
  const database = await core.openDatabase(settings.databaseUrl, { poolSize: 1 });
  const migration = await database.migrate();
  await database.close();
  stop.throwIfAborted();

  const service = await http.startService(settings, http.createLogger({ level: settings.logLevel }));
  cleanups.push(() => service.stop());
  stop.throwIfAborted();
  writeStderr(
    ...service.warnings.map((warning) => `Warning: ${warning}`),
    ...migration.violations.map(({ message }) => `Warning: ${message}`),
    "",
    `  REST API   ${service.url}/api/v1`,
    `  API pages  ${service.url}/docs  ${service.url}/redoc  ${service.url}/openapi.json`,
    ...(settings.keys === http.DEVELOPMENT_KEYS ? [`  Key        ${http.DEVELOPMENT_KEYS[0]?.key}`] : []),
    `  Database   ${postgres === undefined ? service.database : describe(postgres)}, schema version ${migration.to}`,
    "  Stop       Ctrl-C",
    "",
  );
  return postgres;
}

async function startPostgres(): Promise<EmbeddedPostgres> {
  writeStderr("Starting PostgreSQL …");
  const postgres = await startEmbeddedPostgres({ dataDirectory: join(repository, ".data", "postgres") });
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
