import { hash } from "node:crypto";
import { isSchemaName } from "@flux/dao-core/database-url";
import { DEVELOPMENT_KEYS, isPossibleKey, isPublicKey, KEY_RULE, type ServiceKey } from "../app/auth.ts";

/** Shorter keys cause a warning in production: the guide's are about as long, and can be guessed. */
const SHORTEST_KEY = 16;

interface KeysContext {
  readonly isProduction: boolean;
  readonly problems: string[];
  readonly warnings: string[];
}

/** Reads the value of `SERVICE_API_KEYS`; without one the development keys work, on loopback. */
export function readServiceKeys(
  text: string | undefined,
  isOnLoopback: boolean,
  { isProduction, problems, warnings }: KeysContext,
): readonly ServiceKey[] {
  const demand = isProduction ? "in production" : isOnLoopback ? undefined : "where HOST is not a loopback address";
  if (text === undefined) {
    if (demand !== undefined) problems.push(`SERVICE_API_KEYS must be set ${demand}: a JSON array of keys.`);
    else warnings.push("SERVICE_API_KEYS is not set: the public development keys work, on this machine only.");
    return DEVELOPMENT_KEYS;
  }
  const keys = parseServiceKeys(text);
  if (typeof keys === "string") {
    problems.push(`SERVICE_API_KEYS ${keys}.`);
    return [];
  }
  if (keys.some(({ key }) => isPublicKey(key))) {
    const advice = "those are public. Create new ones: openssl rand -hex 32.";
    if (demand === undefined) warnings.push(`SERVICE_API_KEYS contains a key of the documentation: ${advice}`);
    else problems.push(`SERVICE_API_KEYS must not contain a key of the documentation ${demand}: ${advice}`);
  }
  const short = keys.filter(({ key }) => key.length < SHORTEST_KEY).map(({ name }) => name);
  if (isProduction && short.length > 0) {
    warnings.push(
      `SERVICE_API_KEYS has keys of fewer than ${SHORTEST_KEY} characters (${short.join(", ")}): create new ones: openssl rand -hex 32.`,
    );
  }
  return keys;
}

const expected =
  'must be a JSON array ["key", …], a JSON object {"goal-planner": "key", …} whose names appear in the log, with {"key": "…", ' +
  '"schema": "…"} in the place of a key that opens one schema, or keys separated by commas';

/**
 * Parses a JSON array (guide, "Authentication"), a JSON object of names and keys, or lists of keys, so that a key can be
 * replaced, each bound to a schema if it is an object of key and schema; or keys separated by commas. Returns a reason if it is none of these, which never contains a key.
 */
export function parseServiceKeys(text: string): readonly ServiceKey[] | string {
  if (hasStrayQuotes(text)) return strayQuotes;
  const entries = readEntries(text.trim());
  if (entries === undefined) return expected;
  if (entries.length === 0) return "must contain at least one key";
  const keys: ServiceKey[] = [];
  const owners = new Map<string, string>();
  for (const [index, [name, key, schema]] of entries.entries()) {
    // By number: if names and keys are mixed up, the name would be a key.
    if (!isPossibleKey(key))
      return `contains a key (number ${index + 1}) that is not ${KEY_RULE}, nor {"key": "…", "schema": "…"} under a name`;
    if (schema !== undefined && !isSchemaName(schema))
      return `binds a key (number ${index + 1}) to no schema, or to what cannot be the name of one of your own`;
    const owner = `${name} ${schema}`;
    const known = owners.get(key);
    if (known !== undefined && known !== owner) {
      return `gives the same key to two names, or to two schemas (number ${index + 1})`;
    }
    if (known === undefined) keys.push(schema === undefined ? { name, key } : { name, key, schema });
    owners.set(key, owner);
  }
  return keys;
}

const strayQuotes =
  "has quotes around it or around a key, which would be part of the keys; remove them (files of variables for " +
  'Docker and systemd need none), or write a JSON array ["key", …]';

/** Whether a comma-separated list has quotes meant for a shell, or a JSON text is in quotes. */
function hasStrayQuotes(text: string): boolean {
  if (/^\s*[[{]/.test(text)) return false;
  return text.split(",").some((part) => /^["'`]|["'`]$/.test(part.trim()));
}

type Entry = readonly [name: string, key: unknown, schema?: unknown];

function readEntries(text: string): Entry[] | undefined {
  if (!/^[[{]/.test(text)) return named(text.split(",").map((key) => key.trim()));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return named(value);
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).flatMap(([name, keys]: [string, unknown]): Entry[] =>
    (Array.isArray(keys) ? keys : [keys]).map((key: unknown) => entryOf(name, key)),
  );
}

/** A key, or an object of a key and the schema that it is bound to. */
function entryOf(name: string, key: unknown): Entry {
  if (typeof key !== "object" || key === null) return [name, key];
  const { key: own, schema = null, ...others }: Record<string, unknown> = { ...key };
  return [name, Object.keys(others).length === 0 ? own : undefined, schema];
}

/** Names keys without names by a digest, which does not depend on the list: idempotency keys are scoped to it. */
function named(keys: readonly unknown[]): Entry[] {
  return [...new Set(keys)].map((key): Entry => {
    const known = DEVELOPMENT_KEYS.find((candidate) => candidate.key === key);
    return [known?.name ?? `key-${hash("sha256", String(key)).slice(0, 12)}`, key];
  });
}
