import { invalid } from "../contract/fields/validation.ts";
import type { Given, Parameters } from "./parameters.ts";

/** Options of `openDatabase` that a URL can set. All times in milliseconds. */
export type LocationOptions = Readonly<Partial<ReturnType<typeof readOptions>>>;

/** Where a URL asks for no limit, and the option knows none: 24 days. */
const LONGEST = 2_147_483_647;

const MOST_SECONDS = Math.floor(LONGEST / 1_000);

/** Reads what is an option of `openDatabase`, under libpq's, PostgreSQL's or Prisma's name. */
export function readOptions(parameters: Parameters) {
  const fallbackName = parameters.takeText("fallback_application_name");
  return {
    connectTimeout: seconds(parameters, "connect_timeout"),
    applicationName: parameters.takeText("application_name") ?? fallbackName,
    statementTimeout: duration(parameters.take("statement_timeout")),
    lockTimeout: duration(parameters.take("lock_timeout")),
    idleInTransactionTimeout: duration(parameters.take("idle_in_transaction_session_timeout")),
    // Prisma's
    poolSize: parameters.takeWholeNumber("connection_limit", 1, LONGEST),
    acquireTimeout: seconds(parameters, "pool_timeout"),
    prepare: parameters.takeOneOf("pgbouncer", ["true", "false"]) === "true" ? false : undefined,
  };
}

/** Milliseconds of silence before TCP keep-alive probes the server; 0 is never, `undefined` the default. */
export function readKeepAlive(parameters: Parameters): number | undefined {
  const idle = parameters.takeWholeNumber("keepalives_idle", 0, MOST_SECONDS) ?? 0;
  const isOff = parameters.takeOneOf("keepalives", ["0", "1"]) === "0";
  return isOff ? 0 : idle * 1_000 || undefined;
}

function seconds(parameters: Parameters, name: string): number | undefined {
  const count = parameters.takeWholeNumber(name, 0, MOST_SECONDS);
  return count === 0 ? LONGEST : count && count * 1_000;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time-out as PostgreSQL writes it: milliseconds, or with a unit. */
function duration(given: Given | undefined): number | undefined {
  if (given === undefined) return undefined;
  const [, count, unit = ""] = /^(\d{1,10})\s*([a-z]*)$/.exec(given.text.trim()) ?? [];
  const milliseconds = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (milliseconds <= LONGEST) return milliseconds;
  throw invalid(given.setting, "must be a number of milliseconds, or have a unit: 30000, 30s, 5min");
}
