import { parseDatabaseUrl } from "@flux/dao-core/database-url";
import { ValidationError } from "@flux/dao-core/errors";
import { DEVELOPMENT_KEYS, isPublicKey, type ServiceKey } from "../app/development-keys.ts";
import { LOG_LEVELS, type LogLevel } from "../app/log.ts";
import { SettingsError } from "../node/settings-error.ts";
import { type DatabaseLimits, readDatabaseLimits } from "./database-limits.ts";
import { parseServiceKeys } from "./service-key-setting.ts";

/** The settings of the service, from the environment (contract, "Keys and settings"). */
export interface Settings {
  /** Default, except in production: the guide's local database. */
  readonly databaseUrl: string;
  readonly keys: readonly ServiceKey[];
  /** Default `127.0.0.1`. */
  readonly host: string;
  /** Default 8000; 0 takes any that is free. */
  readonly port: number;
  /** Processes that serve the port. Default 1. */
  readonly processes: number;
  /** Connections of each process to the database. Default: the data layer's. */
  readonly poolSize: number | undefined;
  /** Whether statements are prepared; must be `false` behind a transaction-pooling proxy. Default `true`. */
  readonly prepare: boolean;
  /** Time-outs of connections and statements, and how many callers may wait. Default: the data layer's. */
  readonly limits: DatabaseLimits;
  /** Milliseconds in which so much of a body must come, and of a response be taken. Default: those of the app and the server. */
  readonly bodyTimeout: number | undefined;
  readonly sendTimeout: number | undefined;
  /** Milliseconds after which a statement is logged as slow; `undefined` for never. */
  readonly slowStatementMs: number | undefined;
  /** Default `info`. */
  readonly logLevel: LogLevel;
  /** For the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/** A set of variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DATABASE_URL_FORM = "postgres://user:password@host:5432/database";

/** Milliseconds: the most that a timer takes. */
const LARGEST_TIMEOUT = 2_147_483_647;

/** Maximum number of processes: more than the cores of a machine are useless. */
const MAX_PROCESSES = 256;

/** Keys shorter than this cause a warning in production: the guide's are about as long, and can be guessed. */
const SHORTEST_KEY = 16;

/** A value for messages. What was meant for another variable may be a secret: a URL, a key. */
function shown(text: string): string {
  return /^[\w.+ -]{1,16}$/.test(text) ? JSON.stringify(text) : "what it is set to";
}

/** Supabase's local database (guide, "Setup"). */
const LOCAL_DATABASE_URL = "postgresql://postgres:postgres@localhost:54322/postgres";

/**
 * Reads the settings from `environment`. A variable that is empty counts as not set.
 * @throws SettingsError with all problems at once
 */
export function readSettings(environment: Environment): Settings {
  const reader = new SettingsReader(environment);
  const isProduction = reader.text("NODE_ENV") === "production";
  const host = reader.host();
  const databaseUrl = reader.databaseUrl(isProduction);
  const settings = {
    databaseUrl,
    host,
    port: reader.wholeNumber("PORT", 0, 65_535) ?? 8_000,
    processes: reader.processes(),
    poolSize: reader.wholeNumber("DB_POOL_SIZE", 1, 1_000),
    prepare: reader.trueOrFalse("DB_PREPARE") ?? true,
    limits: reader.databaseLimits(),
    bodyTimeout: reader.wholeNumber("HTTP_BODY_TIMEOUT", 1, LARGEST_TIMEOUT),
    sendTimeout: reader.wholeNumber("HTTP_SEND_TIMEOUT", 1, LARGEST_TIMEOUT),
    slowStatementMs: reader.wholeNumber("DB_SLOW_STATEMENT_MS", 1, 86_400_000),
    logLevel: reader.logLevel(),
    keys: reader.keys(isProduction, isLoopback(host)),
    warnings: reader.warnings,
  };
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);
  return settings;
}

/** The settings of commands that work on the database without serving. */
export type DatabaseSettings = Pick<Settings, "databaseUrl" | "prepare" | "limits">;

/**
 * Reads the settings of the database only: `flux-dao migrate` needs no keys.
 * @throws SettingsError with all problems at once
 */
export function readDatabaseSettings(environment: Environment): DatabaseSettings {
  const reader = new SettingsReader(environment);
  const settings = {
    databaseUrl: reader.databaseUrl(reader.text("NODE_ENV") === "production"),
    prepare: reader.trueOrFalse("DB_PREPARE") ?? true,
    limits: reader.databaseLimits(),
  };
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);
  return settings;
}

class SettingsReader {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #environment: Environment;
  /** Whether DATABASE_URL, once it is read, means a database within the process. */
  #isEmbedded = false;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    const value = this.#environment[name]?.trim();
    return value === "" ? undefined : value;
  }

  wholeNumber(name: string, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^\d{1,10}$/.test(text) && value >= min && value <= max) return value;
    this.problems.push(`${name} must be a whole number from ${min} to ${max}, not ${shown(text)}.`);
    return undefined;
  }

  databaseLimits(): DatabaseLimits {
    return readDatabaseLimits((...variable) => this.wholeNumber(...variable));
  }

  trueOrFalse(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (text === "true" || text === "false") return text === "true";
    this.problems.push(`${name} must be true or false, not ${shown(text)}.`);
    return undefined;
  }

  processes(): number {
    const processes = this.wholeNumber("PROCESSES", 1, MAX_PROCESSES) ?? 1;
    if (processes > 1 && this.#isEmbedded) {
      this.problems.push("PROCESSES must be 1 with an embedded database, which only one process can open.");
    }
    return processes;
  }

  logLevel(): LogLevel {
    const text = this.text("LOG_LEVEL");
    const level = LOG_LEVELS.find((known) => known === (text ?? "info").toLowerCase());
    if (level === undefined) {
      this.problems.push(`LOG_LEVEL must be one of ${LOG_LEVELS.join(", ")}, not ${shown(text ?? "")}.`);
    }
    return level ?? "info";
  }

  host(): string {
    const text = this.text("HOST") ?? "127.0.0.1";
    const host = text.replace(/^\[(.*)\]$/, "$1");
    if (!/^[A-Za-z0-9._:%-]+$/.test(host)) {
      this.problems.push(
        `HOST must be an address or a name to listen on, such as 127.0.0.1 or 0.0.0.0, not ${shown(text)}.`,
      );
    }
    return host;
  }

  databaseUrl(isProduction: boolean): string {
    const url = this.text("DATABASE_URL");
    if (url === undefined) {
      if (isProduction) this.problems.push(`DATABASE_URL must be set in production: ${DATABASE_URL_FORM}.`);
      return LOCAL_DATABASE_URL;
    }
    try {
      this.#isEmbedded = parseDatabaseUrl(url).kind !== "postgres";
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      this.problems.push(...error.issues.map(({ message }) => `DATABASE_URL ${message}.`));
    }
    return url;
  }

  keys(isProduction: boolean, isOnLoopback: boolean): readonly ServiceKey[] {
    const demand = isProduction ? "in production" : isOnLoopback ? undefined : "where HOST is not a loopback address";
    const text = this.text("SERVICE_API_KEYS");
    if (text === undefined) {
      if (demand !== undefined) this.problems.push(`SERVICE_API_KEYS must be set ${demand}: a JSON array of keys.`);
      else this.warnings.push("SERVICE_API_KEYS is not set: the guide's development keys work, on this machine only.");
      return DEVELOPMENT_KEYS;
    }
    const keys = parseServiceKeys(text);
    if (typeof keys === "string") {
      this.problems.push(`SERVICE_API_KEYS ${keys}.`);
      return [];
    }
    if (demand !== undefined && keys.some(({ key }) => isPublicKey(key))) {
      this.problems.push(
        `SERVICE_API_KEYS must not contain a key of the documentation ${demand}: those are public. Create new ones: openssl rand -hex 32.`,
      );
    }
    const short = keys.filter(({ key }) => key.length < SHORTEST_KEY).map(({ name }) => name);
    if (isProduction && short.length > 0) {
      this.warnings.push(
        `SERVICE_API_KEYS has keys of fewer than ${SHORTEST_KEY} characters (${short.join(", ")}): create new ones: openssl rand -hex 32.`,
      );
    }
    return keys;
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
