import { once } from "node:events";
import { join } from "node:path";
import { inspect } from "node:util";
import { buildPackages } from "./build.ts";
import { onLauncherGone } from "./launchers.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";
import { repository } from "./repository.ts";

function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

const built = (path: string) => new URL(`../packages/${path}`, import.meta.url).href;

/**
 * The service as its users run it, from nothing: builds the packages where they changed, starts an embedded PostgreSQL with
 * its data in `.data/` (unless `DATABASE_URL` names another), migrates it, and serves.
 */
async function main(): Promise<never> {
  const stop = stopRequest();
  const cleanups: (() => Promise<unknown>)[] = [];
  let exitCode = 0;
  try {
    const postgres = await serve(stop, cleanups);
    const failure = await Promise.race([aborted(stop), postgres?.exited.then(endMessage) ?? aborted(stop)]);
    if (failure !== undefined) {
      say(failure);
      exitCode = 1;
    }
  } catch (error) {
    // What fails because of the stop is no failure.
    if (!stop.aborted) throw error;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
  process.exit(exitCode);
}

/**
 * Starts everything; what has to be ended later is in `cleanups`, also when this fails.
 *
 * @returns The embedded PostgreSQL, if there is one.
 * @throws The signal's reason when the stop is requested before all runs.
 */
async function serve(stop: AbortSignal, cleanups: (() => Promise<unknown>)[]): Promise<EmbeddedPostgres | undefined> {
  say("Building …");
  await buildPackages(stop);
  const core: typeof import("@flux/dao-core") = await import(built("dao-core/dist/index.js"));
  const http: typeof import("@flux/dao-http/server") = await import(built("dao-http/dist/server.js"));

  const environment = { ...process.env };
  const isEmbedded = (environment["DATABASE_URL"] ?? "") === "";
  // Looked at before anything is started; the embedded database's URL is the one thing that is not known yet.
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
  say(
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
  say("Starting PostgreSQL …");
  const postgres = await startEmbeddedPostgres({ dataDirectory: join(repository, ".data", "postgres") });
  if (postgres.note !== undefined) say(postgres.note);
  return postgres;
}

function describe({ version, dataDirectory }: EmbeddedPostgres): string {
  return `embedded PostgreSQL ${version}, its data in ${dataDirectory}`;
}

function endMessage(exit: string): string {
  return `PostgreSQL ended by itself (${exit}), and the service stops with it. Run the same command again to start both.`;
}

/** Aborted when this process, or one that it was started through, is told to end. */
function stopRequest(): AbortSignal {
  const controller = new AbortController();
  const onSignal = () => {
    // Ctrl-C reaches every process of the terminal, and some of them pass it on: it arrives here more than once.
    if (controller.signal.aborted) return;
    say("Stopping …");
    controller.abort();
  };
  onLauncherGone(onSignal);
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  return controller.signal;
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (!signal.aborted) await once(signal, "abort");
}

/** The errors of settings, servers and databases are sentences for a person; those of the language are for us. */
function fail(error: unknown): never {
  const isBug = error instanceof TypeError || error instanceof ReferenceError || !(error instanceof Error);
  say(isBug ? inspect(error) : error.message);
  process.exit(1);
}

main().catch(fail);
