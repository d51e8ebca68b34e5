import type { DatabaseOptions } from "@flux/dao-core";
import { isSchemaName, parseDatabaseUrl } from "@flux/dao-core/database-url";
import { ValidationError } from "@flux/dao-core/errors";
import type { DaoAppOptions } from "../app/app.ts";
import type { ServiceKey } from "../app/auth.ts";
import { LOG_LEVELS, type LogLevel } from "../app/log.ts";
import { isOrigin } from "../http/cors.ts";
import { isBasePath } from "../http/router.ts";
import type { ServerOptions } from "../node/server.ts";
import { nearest, SettingsError } from "../node/settings-error.ts";
import * as limits from "../wire/limits.ts";
import { readServiceKeys } from "./service-keys.ts";

type NumericOption<Options> = {
  [Option in keyof Options]-?: Options[Option] extends number | undefined ? Option : never;
}[keyof Options];

type LimitOption = Exclude<NumericOption<DatabaseOptions>, "poolSize" | "changesRetention">;

/** The limits of `openDatabase` from the environment. Default: the data layer's. */
type DatabaseLimits = Readonly<Partial<Record<LimitOption, number>>>;

/** A limit, for `--help` and docs/running.md. */
type LimitSetting = readonly [min: number, usual: number, meaning: string];

/** Every limit of the data layer. */
export const LIMIT_SETTINGS: Readonly<Record<LimitOption, LimitSetting>> = {
  connectTimeout: [1, 5_000, "connecting, TLS and login included"],
  acquireTimeout: [1, 5_000, "waiting for a connection to be free"],
  statementTimeout: [0, 30_000, "a statement; 0 is no limit"],
  lockTimeout: [0, 10_000, "waiting for a lock; 0 is no limit"],
  idleInTransactionTimeout: [0, 60_000, "a transaction that waits for its next statement; 0 is no limit"],
  idleTimeout: [0, 600_000, "a connection that is not used; 0 is no limit"],
  pipelineDepth: [1, 8, "statements (a number) in flight on a connection; 1 behind Supavisor"],
  maxLifetime: [0, 1_800_000, "a connection, used or not; 0 is no limit"],
  maxLag: [1, 10_000, "the lag of the standby in DATABASE_READ_URL; beyond it the primary is read"],
  maxWaiting: [1, 1_000, "callers (a number) that wait for a connection; the next is rejected"],
  maxImports: [0, 0, "imports (a number) at a time; 0 is a quarter of DB_POOL_SIZE"],
  maxConversationBytes: [2, 8_388_608, "bytes of JSON text that a conversation's messages may have in all"],
};

type HttpOption = Exclude<NumericOption<DaoAppOptions & ServerOptions>, "port">;

/** Every limit of the app and its server. */
export const HTTP_SETTINGS: Readonly<Record<HttpOption, LimitSetting>> = {
  bodyTimeout: [1, limits.BODY_TIMEOUT, "sending 10,000 bytes of a request's body, or its end; also of an import"],
  sendTimeout: [1, limits.SEND_TIMEOUT, "taking 10,000 bytes of a response, or the rest of it"],
  keepAliveTimeout: [1, limits.KEEP_ALIVE_TIMEOUT, "an idle connection of a client; longer than a proxy keeps its own"],
  stopDelay: [0, limits.STOP_DELAY, "from the 503 of /ready to the refusal of connections"],
  gracePeriod: [1, limits.GRACE_PERIOD, "a whole stop, which then drops what still runs"],
  bodyLimit: [1, limits.BODY_LIMIT, "bytes of a request's body, or of a line of an import"],
  maxConnections: [1, limits.MAX_CONNECTIONS, "connections (a number); the next is closed"],
  maxConcurrentRequests: [1, limits.CONCURRENT_REQUESTS, "requests (a number) in progress; others wait"],
  maxWaitingRequests: [0, limits.WAITING_REQUESTS, "requests (a number) that wait; the next gets a 503"],
  maxFollowers: [0, limits.FOLLOWERS, "requests (a number) that wait for changes; the next gets a 503"],
};

/** The variable of a limit: `HTTP_BODY_TIMEOUT` for `bodyTimeout`, and with its unit `DB_LOCK_TIMEOUT_MS` for `lockTimeout`. */
export function variableOf(option: string): string {
  const name = option.replace(/[A-Z]/g, "_$&").toUpperCase();
  return option in HTTP_SETTINGS ? `HTTP_${name}` : `DB_${name}${/_(?:TIMEOUT|LIFETIME|LAG)$/.test(name) ? "_MS" : ""}`;
}

/** The settings of the service, from the environment (contract, "Keys and settings"). */
export interface Settings {
  /** Default, except in production: the guide's local database. */
  readonly databaseUrl: string;
  /** Whether that is the default. */
  readonly isDefaultUrl: boolean;
  /** The variables that PostgreSQL's own clients read for what the URL does not say. */
  readonly environment: Environment;
  /** Of a standby, for reads. Default: none. */
  readonly readUrl: string | undefined;
  /** The PostgreSQL schema of the tables. Default: the data layer's, `public`. */
  readonly schema: string | undefined;
  readonly keys: readonly ServiceKey[];
  /** Default `127.0.0.1`. */
  readonly host: string;
  /** Default 8000; 0 chooses a free one. */
  readonly port: number;
  /** Processes that serve the port. Default 1. */
  readonly processes: number;
  /** Connections of each process to the database. Default: the data layer's. */
  readonly poolSize: number | undefined;
  /** Whether statements are prepared; must be `false` behind a transaction-pooling proxy. Default: what the URL says, or `true`. */
  readonly prepare: boolean | undefined;
  /** Time-outs of connections and statements, and how many callers may wait. Default: the data layer's. */
  readonly limits: DatabaseLimits;
  /** Time-outs and sizes of the app and its server. Default: theirs. */
  readonly http: Readonly<Partial<Record<HttpOption, number>>>;
  /** Origins whose pages a browser lets call the API. Default: none. */
  readonly corsOrigins: readonly string[] | undefined;
  /** The path under which a proxy passes requests on without removing it. Default: the root. */
  readonly basePath: string | undefined;
  /** Days for which changes are kept. Default: the data layer's. */
  readonly changesRetentionDays: number | undefined;
  /** Milliseconds after which a statement is logged as slow; `undefined` for never. */
  readonly slowStatementMs: number | undefined;
  /** Default `info`. */
  readonly logLevel: LogLevel;
  /** For the operator, one sentence each. */
  readonly warnings: readonly string[];
}

/** A set of variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Supabase's local database (guide, "Setup"). */
const LOCAL_DATABASE_URL = "postgresql://postgres:postgres@localhost:54322/postgres";

/** What PostgreSQL's own clients read, and where their users' files are. */
const CLIENT_VARIABLE = /^(?:PG[A-Z]|HOME$|APPDATA$)/;

/** More processes than the cores of a machine are useless. */
const MAX_PROCESSES = 256;

/** Reads the settings; a variable that is empty counts as not set. @throws SettingsError with all problems at once */
export function readSettings(environment: Environment): Settings {
  const reader = readerOf(environment);
  const { parsed, wholeNumber } = reader;
  const host = parsed("HOST", "an address or a name to listen on, such as 127.0.0.1 or 0.0.0.0", toHost) ?? "127.0.0.1";
  const settings = {
    ...reader.database(),
    host,
    port: wholeNumber("PORT", 0, 65_535) ?? 8_000,
    processes: reader.processes(),
    poolSize: wholeNumber("DB_POOL_SIZE", 1, 1_000),
    http: reader.limits(HTTP_SETTINGS),
    basePath: parsed("BASE_PATH", "a path such as /dao", textIf(isBasePath)),
    corsOrigins: parsed("CORS_ORIGINS", "origins such as https://app.example.com, separated by commas", toOrigins),
    changesRetentionDays: wholeNumber("DB_CHANGES_RETENTION_DAYS", 1, 36_500),
    slowStatementMs: wholeNumber("DB_SLOW_STATEMENT_MS", 1, 86_400_000),
    logLevel: parsed("LOG_LEVEL", `one of ${LOG_LEVELS.join(", ")}`, toLogLevel) ?? "info",
    keys: readServiceKeys(reader.text("SERVICE_API_KEYS"), isLoopback(host), reader),
  };
  return { ...settings, warnings: reader.end() };
}

/** The settings of commands that work on the database without serving. */
export type DatabaseSettings = Pick<
  Settings,
  "databaseUrl" | "isDefaultUrl" | "environment" | "readUrl" | "schema" | "prepare" | "limits" | "warnings"
>;

/** Reads only the settings of the database: `flux-dao migrate` needs no keys. @throws SettingsError with all problems at once */
export function readDatabaseSettings(environment: Environment): DatabaseSettings {
  const reader = readerOf(environment);
  return { ...reader.database(), warnings: reader.end() };
}

function readerOf(environment: Environment) {
  const problems: string[] = [];
  const warnings: string[] = [];
  /** The names of the variables that were asked for. */
  const read = new Set<string>();
  /** Whether the parsed DATABASE_URL means an embedded database. */
  let isEmbedded = false;
  const isProduction = text("NODE_ENV") === "production";
  return { problems, warnings, isProduction, text, parsed, wholeNumber, processes, database, limits: limitsOf, end };

  function text(name: string): string | undefined {
    read.add(name);
    return environment[name]?.trim() || undefined;
  }

  /** @param parse returns `undefined` for a value that is not allowed */
  function parsed<Value>(name: string, allowed: string, parse: (text: string) => Value | undefined): Value | undefined {
    const given = text(name);
    const value = given === undefined ? undefined : parse(given);
    if (given !== undefined && value === undefined) problems.push(`${name} must be ${allowed}, not ${shown(given)}.`);
    return value;
  }

  function wholeNumber(name: string, min: number, max: number): number | undefined {
    return parsed(name, `a whole number from ${min} to ${max}`, (given) => {
      const value = /^\d{1,10}$/.test(given) ? Number(given) : -1;
      return value >= min && value <= max ? value : undefined;
    });
  }

  function processes(): number {
    const count = wholeNumber("PROCESSES", 1, MAX_PROCESSES) ?? 1;
    if (count > 1 && isEmbedded) {
      problems.push("PROCESSES must be 1 with an embedded database, which only one process can open.");
    }
    return count;
  }

  function database(): Omit<DatabaseSettings, "warnings"> {
    return {
      databaseUrl: databaseUrl(),
      isDefaultUrl: text("DATABASE_URL") === undefined,
      environment: Object.fromEntries(Object.entries(environment).filter(([name]) => CLIENT_VARIABLE.test(name))),
      readUrl: readUrl(),
      schema: parsed("DB_SCHEMA", "the name of a schema of your own", textIf(isSchemaName)),
      prepare: parsed("DB_PREPARE", "true or false", (given) => BOOLEANS[given.toLowerCase()]),
      limits: limitsOf(LIMIT_SETTINGS),
    };
  }

  function limitsOf<Option extends string>(
    settings: Readonly<Record<Option, LimitSetting>>,
  ): Partial<Record<Option, number>> {
    const values: Partial<Record<Option, number>> = {};
    for (const option in settings) {
      const value = wholeNumber(variableOf(option), settings[option][0], limits.MAX_TIMEOUT);
      if (value !== undefined) values[option] = value;
    }
    return values;
  }

  /** The warnings, also of variables that look like a misspelt one of ours. @throws SettingsError with all problems */
  function end(): string[] {
    if (problems.length > 0) throw new SettingsError(problems);
    const misspelt = Object.keys(environment).flatMap((name) => {
      if (read.has(name) || name.length < 6) return [];
      // As of one without its unit, DB_LOCK_TIMEOUT.
      const begun = [...read].find((known) => /^(DB|HTTP)_/.test(name) && known.startsWith(`${name}_`));
      const meant = nearest(name, read) ?? begun;
      return meant === undefined ? [] : [`${name} is not a setting, and has no effect. Did you mean ${meant}?`];
    });
    return [...warnings, ...misspelt];
  }

  function databaseUrl(): string {
    const url = text("DATABASE_URL");
    if (url === undefined) {
      const form = "postgres://user:password@host:5432/database";
      if (isProduction) problems.push(`DATABASE_URL must be set in production: ${form}.`);
      return LOCAL_DATABASE_URL;
    }
    isEmbedded = !isServer("DATABASE_URL", url);
    return url;
  }

  function readUrl(): string | undefined {
    const url = text("DATABASE_READ_URL");
    if (url !== undefined && (!isServer("DATABASE_READ_URL", url) || isEmbedded)) {
      const rule = "must be a standby of a server in DATABASE_URL; an embedded database has none";
      problems.push(`DATABASE_READ_URL ${rule}.`);
    }
    return url;
  }

  /** Whether a URL leads to a server; an invalid one is a problem of its own. */
  function isServer(name: string, url: string): boolean {
    try {
      return parseDatabaseUrl(url, environment).kind === "postgres";
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      problems.push(...urlProblems(name, error));
      return true;
    }
  }
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false };

const textIf = (isAllowed: (text: string) => boolean) => (text: string) => (isAllowed(text) ? text : undefined);

const toLogLevel = (text: string) => LOG_LEVELS.find((known) => known === text.toLowerCase());

function toHost(text: string): string | undefined {
  const host = text.replace(/^\[(.*)\]$/, "$1");
  return /^[A-Za-z0-9._:%-]+$/.test(host) ? host : undefined;
}

function toOrigins(text: string): string[] | undefined {
  const origins = text.split(",").map((origin) => origin.trim());
  return origins.every((origin) => isOrigin(origin)) ? origins : undefined;
}

/** What is wrong with the URL in a variable, in sentences that name the variable. */
export function urlProblems(variable: string, { issues }: ValidationError): string[] {
  return issues.map(({ path, message }) => `${path.replace(/the database URL/i, variable)} ${message}.`);
}

/** A value for messages. One meant for another variable may be a secret: a URL, a key. */
function shown(text: string): string {
  return /^[\w.+ -]{1,16}$/.test(text) ? JSON.stringify(text) : "what it is set to";
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
