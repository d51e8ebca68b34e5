import { invalid } from "../contract/fields/validation.ts";
import type { Parameters } from "./parameters.ts";

/** Parameters that have no effect here: what to do instead, and the values that ask for nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly [advice: string, ...harmless: string[]]>> = {
  // Security
  channel_binding: ["leave it out, and use sslmode=verify-full, which also prevents interception", "prefer", "disable"],
  require_auth: ["leave it out: the server's pg_hba.conf decides"],
  requirepeer: ["leave it out: Node.js does not say who serves a socket"],
  sslcompression: ["leave it out: compression weakens TLS", "0"],
  sslcrldir: ["join its files to one, and give that as sslcrl"],
  sslkeylogfile: ["leave it out"],
  gssencmode: ["leave it out, and use sslmode: there is no Kerberos", "prefer", "disable"],
  krbsrvname: ["leave it out: there is no Kerberos"],
  gsslib: ["leave it out: there is no Kerberos"],
  gssdelegation: ["leave it out: there is no Kerberos", "0"],
  // Where and how
  hostaddr: ["give the server's address as host"],
  service: ["write what the service file says into the database URL"],
  servicefile: ["write what the service file says into the database URL"],
  min_protocol_version: ["leave it out: version 3.0 is spoken", "3.0"],
  max_protocol_version: ["leave it out: version 3.0 is spoken", "3.0", "3.2", "latest"],
  replication: ["leave it out", "false", "off", "no", "0"],
  client_encoding: ["leave it out: text is UTF-8", "auto", "UTF8", "utf8", "UTF-8", "utf-8"],
  keepalives_interval: ["leave it out: Node.js cannot set it", "0"],
  keepalives_count: ["leave it out: Node.js cannot set it", "0"],
  tcp_user_timeout: ["leave it out: statementTimeout limits how long a silent server is waited for", "0"],
};

/** What other clients of Node.js and Python call it, by what it is here. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  dbname: ["db", "database"],
  user: ["username"],
  "the option poolSize (DB_POOL_SIZE)": ["max", "pool_size"],
  "the option prepare (DB_PREPARE)": ["prepare", "statement_cache_size", "prepared_statement_cache_size"],
  "the option idleTimeout (DB_IDLE_TIMEOUT_MS)": ["idle_timeout", "max_idle_connection_lifetime"],
  "the option maxLifetime (DB_MAX_LIFETIME_MS)": ["max_lifetime", "max_connection_lifetime"],
  "the option statementTimeout (DB_STATEMENT_TIMEOUT_MS)": ["socket_timeout", "query_timeout", "command_timeout"],
  keepalives_idle: ["keep_alive"],
  sslmode: ["sslaccept"],
  "sslcert and sslkey": ["sslidentity"],
};

/** Of other drivers, without a counterpart. */
const OTHERS =
  /^(?:fetch_types|backoff|debug|max_pipeline|publications|transform|types|timeout|no_prepare|connection)$/;

/** What says how to be safe, or is a secret, is not sent to a server that may not know it. */
const SENSITIVE = /ssl|tls|cert|gss|krb|oauth|scram|auth|pass|pwd|secret|secur|crypt|token|peer|verif|binding/;

const SCHEMA = /^(?:search[_-]path|schema|currentschema)$/i;

/** Each session sets these itself, and depends on them. */
const FIXED = /^(?:datestyle|timezone|intervalstyle|standard_conforming_strings|bytea_output|extra_float_digits)$/i;

/** Those that are options of ours. */
const TIMEOUT = /^(?:statement|lock|idle[_-]in[_-]transaction[_-]session)[_-]timeout$/i;

/** What `options` sets: `-c name=value`, `--name=value`. */
const IN_OPTIONS = /(?:^|\s)(?:-c\s*|--)([\w-]+)/g;

/** @throws ValidationError for a parameter, or a variable, that cannot be honoured */
export function refuseUnsupported(parameters: Parameters): void {
  for (const [name, [advice, ...harmless]] of Object.entries(UNSUPPORTED)) {
    const given = parameters.take(name);
    if (given === undefined || harmless.includes(given.text)) continue;
    throw invalid(given.setting, `is not supported${harmless.length > 0 ? " with this value" : ""}: ${advice}`);
  }
}

/** @throws ValidationError for an option in code that would be passed over although it concerns security, such as `ssl` */
export function refuseSensitive(options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || name === "verify" || !SENSITIVE.test(name.toLowerCase())) continue;
    throw invalid(name, "is not an option: give it in the database URL, as ?sslmode=verify-full, or as a PG variable");
  }
}

/**
 * The parameters that remain: settings of the server, sent when a session begins, which the server refuses if it does not know them.
 * @throws ValidationError for one that cannot be a setting of the server, or that would have no effect
 */
export function serverSettings(parameters: Parameters): Record<string, string> {
  // Supabase's own, and what makes pg read sslmode as libpq does.
  for (const name of ["supa", "uselibpqcompat"]) parameters.take(name);
  const options = parameters.take("options");
  const settings = Object.fromEntries(parameters.rest);
  for (const name of Object.keys(settings)) {
    const problem = problemOf(name) ?? (isSetting(name) ? undefined : "is not known: correct it, or leave it out");
    if (problem !== undefined) throw invalid(parameters.shown(name), problem);
  }
  if (options === undefined || options.text === "") return settings;
  for (const [, name = ""] of options.text.matchAll(IN_OPTIONS)) {
    const problem = TIMEOUT.test(name) ? "must be a parameter of its own (?name=value)" : problemOf(name);
    if (problem !== undefined) throw invalid(`${name}, in ${options.setting},`, problem);
  }
  return { ...settings, options: options.text };
}

function problemOf(name: string): string | undefined {
  if (SCHEMA.test(name)) return "has no effect: give the schema as the option schema, or as DB_SCHEMA";
  if (FIXED.test(name)) return "has no effect, since the library sets it itself: leave it out";
  if (OTHERS.test(name)) return "is not supported: leave it out";
  const [here] = Object.entries(ELSEWHERE).find(([, names]) => names.includes(name)) ?? [];
  return here === undefined ? undefined : `is not supported: use ${here}`;
}

const isSetting = (name: string): boolean => /^[a-z][a-z0-9_.]*$/.test(name) && !SENSITIVE.test(name);
