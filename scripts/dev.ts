import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { onLauncherGone } from "./launchers.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./postgres/embedded-postgres.ts";

/**
 * The service as its users run it, from nothing: builds the packages, starts an embedded PostgreSQL with its data in
 * `.data/` (unless `DATABASE_URL` names another), migrates it, and serves.
 */
const repository = fileURLToPath(new URL("..", import.meta.url));

function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** Declarations stay as they are: they take long, and nothing here reads them. */
function build(): void {
  const pnpm = process.env["npm_execpath"];
  const [command, ...prefix] = pnpm?.endsWith("js") ? [process.execPath, pnpm] : [pnpm ?? "pnpm"];
  const args = ["--recursive", "--filter", "./packages/*", "exec", "tsup", "--silent", "--no-dts", "--no-clean"];
  execFileSync(command, [...prefix, ...args], { cwd: repository, stdio: ["ignore", "ignore", "inherit"] });
}

const built = (path: string) => new URL(`../packages/${path}`, import.meta.url).href;

async function main(): Promise<void> {
  say("Building …");
  build();
  const core: typeof import("@flux/dao-core") = await import(built("dao-core/dist/index.js"));
  const http: typeof import("@flux/dao-http/server") = await import(built("dao-http/dist/server.js"));

  const environment = { ...process.env };
  const isEmbedded = (environment["DATABASE_URL"] ?? "") === "";
  // Looked at before anything is started; the embedded database's URL is the one thing that is not known yet.
  const checked = http.readSettings(isEmbedded ? { ...environment, DATABASE_URL: "memory://" } : environment);
  const postgres = isEmbedded ? await startPostgres() : undefined;
  let stop = async () => postgres?.stop();
  stopOnSignals(() => stop());
  try {
    const settings = { ...checked, databaseUrl: postgres?.url ?? checked.databaseUrl };
    const database = await core.openDatabase(settings.databaseUrl, { poolSize: 1 });
    const migration = await database.migrate();
    await database.close();

    const service = await http.startService(settings, http.createLogger({ level: settings.logLevel }));
    stop = async () => {
      await service.stop();
      await postgres?.stop();
    };
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
  } catch (error) {
    await stop();
    throw error;
  }
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

function stopOnSignals(stop: () => Promise<unknown>): void {
  let isStopping = false;
  const onSignal = () => {
    // Ctrl-C reaches every process of the terminal, and some of them pass it on: it arrives here more than once.
    if (isStopping) return;
    isStopping = true;
    say("Stopping …");
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onSignal);
  onLauncherGone(onSignal);
}

/** The errors of settings, servers and databases are sentences for a person; those of the language are for us. */
function fail(error: unknown): never {
  const isBug = error instanceof TypeError || error instanceof ReferenceError || !(error instanceof Error);
  say(isBug ? inspect(error) : error.message);
  process.exit(1);
}

main().catch(fail);
