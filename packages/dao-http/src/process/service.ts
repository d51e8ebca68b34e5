import {
  isDaoError,
  openDatabase,
  SchemaVersionError,
  type StatementReport,
  type Telemetry,
  ValidationError,
} from "@flux/dao-core";
import { createDaoApp } from "../app/app.ts";
import type { Logger } from "../app/log.ts";
import { type RunningServer, type ServerOptions, startServer } from "../node/server.ts";
import { SettingsError } from "../node/settings-error.ts";
import type { ServiceTelemetry } from "../opentelemetry/service-telemetry.ts";
import { CONCURRENT_REQUESTS } from "../wire/limits.ts";
import type { Settings } from "./settings.ts";

/** The SDK may be an agent's that nobody here knows of: no reason not to serve. */
const TELEMETRY_UNUSABLE =
  "An OpenTelemetry SDK is registered and told nothing: @opentelemetry/api is not installed beside @flux/dao-http.";

/** The service, up and running. */
export interface RunningService extends RunningServer {
  /** Which database it works on, for a person; without its password. */
  readonly database: string;
  /** What whoever started it should know, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Opens the database and serves the API from it. The schema is looked at, never changed: with one that is absent, too old or
 * not as it should be the service starts, is not ready, and becomes so when it is migrated; likewise on a server that takes no
 * writes. An OpenTelemetry SDK that was registered
 * before is told of requests, statements and the pool.
 * @throws SettingsError; UnavailableError when the database does not answer; SchemaVersionError when its schema is newer
 *   than this code
 */
export async function startService(
  settings: Settings,
  logger: Logger,
  { whenPortIsClosed }: Pick<ServerOptions, "whenPortIsClosed"> = {},
): Promise<RunningService> {
  const warnings = [...settings.warnings];
  const telemetry = await registeredTelemetry().catch(() => {
    warnings.push(TELEMETRY_UNUSABLE);
    return undefined;
  });
  const database = await open(settings, logger, telemetry?.database);
  try {
    const problem = await findProblem(() => database.checkReady());
    if (problem !== undefined) warnings.push(`${problem} Until then /ready answers 503.`);
    const { keys, host, port, bodyTimeout, sendTimeout } = settings;
    // A large pool is of use only to as many requests.
    const maxConcurrentRequests = Math.max(CONCURRENT_REQUESTS, 2 * (settings.poolSize ?? 0));
    const app = createDaoApp({ services: database, keys, logger, maxConcurrentRequests, telemetry: telemetry?.app });
    const server = await startServer({ app, host, port, database, logger, whenPortIsClosed });
    const stop = async () => {
      await server.stop();
      await telemetry?.flush();
    };
    return { ...server, stop, [Symbol.asyncDispose]: stop, database: database.description, warnings };
  } catch (error) {
    await database.close(0);
    throw error;
  }
}

async function open(
  { databaseUrl, poolSize, prepare, limits, slowStatementMs }: Settings,
  logger: Logger,
  telemetry: Telemetry | undefined,
) {
  const onStatement = slowStatementMs === undefined ? undefined : logSlowStatements(logger, slowStatementMs);
  try {
    return await openDatabase(databaseUrl, { ...limits, poolSize, prepare, onStatement, telemetry });
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new SettingsError(error.issues.map(({ message }) => `DATABASE_URL ${message}.`));
  }
}

/** The line of a slow statement has its text, never its parameters. */
function logSlowStatements(logger: Logger, limit: number) {
  return ({ text, milliseconds, count }: StatementReport) => {
    if (milliseconds < limit) return;
    logger.warn({ statement: text, ms: Math.round(milliseconds), rows: count ?? null }, "slow statement");
  };
}

/** Why the database is not ready, if it can become so without another version of this code. */
async function findProblem(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (!isDaoError(error) || (error instanceof SchemaVersionError && error.isNewer)) throw error;
    return error.message;
  }
}

/** Where the copies of `@opentelemetry/api` in a process, whatever their version, find what was registered with one. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/**
 * Spans and metrics for the OpenTelemetry SDK that was registered before, as by `node --import ./otel.js`; `undefined`
 * where none was. Then nothing is loaded, too.
 * @throws Error if the API is not installed where this package finds it
 */
async function registeredTelemetry(): Promise<ServiceTelemetry | undefined> {
  if (!isRegistered()) return undefined;
  const { createServiceTelemetry } = await import("../opentelemetry/service-telemetry.ts");
  return createServiceTelemetry();
}

function isRegistered(): boolean {
  const registry: unknown = Reflect.get(globalThis, REGISTRY);
  return typeof registry === "object" && registry !== null && ("trace" in registry || "metrics" in registry);
}
