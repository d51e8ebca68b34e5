import { type Database, isDaoError, SchemaVersionError, type StatementReport } from "@flux/dao-core";
import { createDaoApp } from "../app/app.ts";
import type { Logger } from "../app/log.ts";
import { type RunningServer, type ServerOptions, startServer } from "../node/server.ts";
import { CONCURRENT_REQUESTS } from "../wire/limits.ts";
import { openConfigured, openStandby } from "./open-database.ts";
import { forOperators } from "./operator-text.ts";
import type { Settings } from "./settings.ts";

/** An agent may have registered the SDK without the operator's knowledge, so the service starts anyway. */
const TELEMETRY_UNUSABLE =
  "An OpenTelemetry SDK is registered but receives nothing: @opentelemetry/api is not installed beside @flux/dao-http.";

/** The service, up and running. */
export interface RunningService extends RunningServer {
  /** The database for messages, without its password. */
  readonly database: string;
  /** For the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Opens the database and serves the API. The schema is checked, never changed: if it is absent, outdated or altered, or the
 * server is read-only, the service starts but is not ready until that is fixed. An OpenTelemetry SDK that is already registered
 * records requests, statements and the pool.
 * @throws SettingsError; UnavailableError if the database cannot be reached; SchemaVersionError if its schema is newer than this
 *   code
 */
export async function startService(
  settings: Settings,
  logger: Logger,
  { sharedPort }: Pick<ServerOptions, "sharedPort"> = {},
): Promise<RunningService> {
  const warnings = [...settings.warnings];
  const telemetry = await registeredTelemetry().catch(() => {
    warnings.push(TELEMETRY_UNUSABLE);
    return undefined;
  });
  const { poolSize, slowStatementMs, changesRetentionDays: days } = settings;
  const databaseOptions = {
    poolSize,
    onStatement: slowStatementMs === undefined ? undefined : logSlowStatements(logger, slowStatementMs),
    telemetry: telemetry?.databaseTelemetry(),
    changesRetention: days && days * 86_400_000,
  };
  const database = await openConfigured(settings, databaseOptions);
  let replica: Database | undefined;
  const close = async (timeout?: number) => {
    await Promise.all([database.close(timeout), replica?.close(timeout)]);
  };
  try {
    // It may be down, now or later.
    const standby = await openStandby(settings, { ...databaseOptions, verify: false });
    replica = standby;
    const problem = await findProblem(() => database.checkReady());
    if (problem !== undefined) warnings.push(`${problem} Until then /ready responds with 503.`);
    const restriction = standby && (await findProblem(() => standby.checkReady()));
    if (restriction !== undefined) warnings.push(`${restriction} Until then reads are sent to the primary.`);
    const { keys, host, port, basePath, corsOrigins, http } = settings;
    // A large pool needs as many requests.
    const maxConcurrentRequests = Math.max(CONCURRENT_REQUESTS, 2 * (poolSize ?? 0));
    const data = { services: database, replica: standby, telemetry: telemetry?.appTelemetry() };
    const app = createDaoApp({ ...data, keys, basePath, corsOrigins, logger, maxConcurrentRequests, ...http });
    const server = await startServer({ app, host, port, database: { close }, logger, sharedPort, ...http });
    const stop = async () => {
      await server.stop();
      await telemetry?.flush();
    };
    return { ...server, stop, [Symbol.asyncDispose]: stop, database: database.description, warnings };
  } catch (error) {
    await close(0);
    throw error;
  }
}

/** The log line of a slow statement has its text, never its parameters. */
function logSlowStatements(logger: Logger, limit: number) {
  return ({ text, schema, milliseconds, count }: StatementReport) => {
    if (milliseconds < limit) return;
    logger.warn({ statement: text, schema, ms: Math.round(milliseconds), rows: count ?? null }, "slow statement");
  };
}

/** Why the database is not ready, if that can be fixed without another version of this code. */
async function findProblem(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (!isDaoError(error) || (error instanceof SchemaVersionError && error.isNewer)) throw error;
    return forOperators(error.message);
  }
}

/** The registry that all copies of `@opentelemetry/api` in a process share. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

/** Telemetry with the registered OpenTelemetry SDK (`node --import ./otel.js`); without one, nothing is loaded. */
async function registeredTelemetry() {
  const registry: unknown = Object(Reflect.get(globalThis, REGISTRY));
  if (typeof registry !== "object" || registry === null || !("trace" in registry || "metrics" in registry))
    return undefined;
  return await import("../opentelemetry/service-telemetry.ts");
}
