import { homedir } from "node:os";
import { join } from "node:path";
import type { ValidationError } from "../contract/errors.ts";
import { invalid } from "../contract/fields/validation.ts";

export function invalidUrl(message: string): ValidationError {
  return invalid("The database URL", message);
}

/** The parameters that PostgreSQL's own clients also read from the environment (manual, 34.15): `sslmode` from `PGSSLMODE`. */
const WITH_VARIABLES: ReadonlySet<string> = new Set(
  `host hostaddr port dbname user password passfile service options application_name connect_timeout target_session_attrs
  load_balance_hosts channel_binding require_auth requirepeer sslmode sslnegotiation sslcompression sslcert sslkey sslcertmode
  sslrootcert sslcrl sslcrldir sslsni ssl_min_protocol_version ssl_max_protocol_version gssencmode krbsrvname gsslib gssdelegation
  min_protocol_version max_protocol_version`.split(/\s+/),
);

/** Those that are not called like their parameter. */
const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  dbname: "PGDATABASE",
  application_name: "PGAPPNAME",
  connect_timeout: "PGCONNECT_TIMEOUT",
};

/** A set of variables, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A parameter's value, and where it is from. */
export interface Given {
  readonly text: string;
  /** For messages: `sslmode in the database URL`, or `PGSSLMODE`. */
  readonly setting: string;
}

export type Parameters = ReturnType<typeof parametersOf>;

/**
 * The parameters of a connection string and, for those that it does not have, the variables of PostgreSQL's own clients.
 * @param hidesNames whether a password is among them
 */
export function parametersOf(parts: ReadonlyMap<string, string>, environment: Environment, hidesNames: boolean) {
  /** Those that were not taken. */
  const rest = new Map(parts);
  return { environment, rest, take, takeText, takeOneOf, takeWholeNumber, shown };

  /** Returns and removes a parameter. A variable that is empty counts as not set. */
  function take(name: string): Given | undefined {
    const text = rest.get(name);
    rest.delete(name);
    if (text !== undefined) return { text, setting: settingOf(name) };
    if (!WITH_VARIABLES.has(name)) return undefined;
    const variable = OTHER_VARIABLES[name] ?? `PG${name.replaceAll("_", "").toUpperCase()}`;
    const inherited = environment[variable];
    return inherited ? { text: inherited, setting: variable } : undefined;
  }

  function takeText(name: string): string | undefined {
    return take(name)?.text || undefined;
  }

  /** @throws ValidationError for another value */
  function takeOneOf<const Value extends string>(name: string, allowed: readonly Value[]): Value | undefined {
    const given = take(name);
    if (given === undefined) return undefined;
    const value = allowed.find((each) => each === given.text);
    if (value === undefined) throw invalid(given.setting, `must be one of ${allowed.join(", ")}`);
    return value;
  }

  /** @throws ValidationError for anything else, and for more than `max` */
  function takeWholeNumber(name: string, min: number, max: number): number | undefined {
    const given = take(name);
    if (given === undefined) return undefined;
    const value = /^\d{1,10}$/.test(given.text) ? Number(given.text) : -1;
    if (value < min || value > max) throw invalid(given.setting, `must be a whole number from ${min} to ${max}`);
    return value;
  }

  /** A parameter's name for messages, unless it may be the rest of a password with an & that is not encoded. */
  function shown(name: string): string {
    const isHidden = hidesNames || !/^[A-Za-z][\w.-]{0,40}$/.test(name);
    return isHidden ? "A parameter of the database URL" : settingOf(name);
  }
}

/** A parameter of the URL for messages. */
export function settingOf(name: string): string {
  return `${name} in the database URL`;
}

/** Where libpq has a user's files: `~/.postgresql/root.crt`, and so on; `~/.pgpass` lies beside that folder. */
export function userFile(name: string, { APPDATA, HOME }: Environment): string {
  if (process.platform === "win32") return join(APPDATA ?? homedir(), "postgresql", name);
  return join(HOME || homedir(), ".postgresql", name);
}
