import { isPossibleKey, KEY_RULE, type ServiceKey } from "./auth.ts";

/** The guide's keys for development, with the names of the agents that they are meant for. */
export const DEVELOPMENT_KEYS: readonly ServiceKey[] = [
  { name: "goal-planner", key: "goal-planner-key-abc" },
  { name: "scheduler", key: "scheduler-key-def" },
  { name: "observer", key: "observer-key-ghi" },
];

const expected =
  'must be a JSON array ["key", …], a JSON object {"goal-planner": "key", …} whose names stand in the log, or keys ' +
  "separated by commas";

/**
 * The keys in the text of `SERVICE_API_KEYS`: a JSON array (guide, "Authentication"); a JSON object of names and keys, or
 * lists of keys, so that a key can be replaced while the old one still works; or keys separated by commas. Or the reason
 * why it is none of these, which never shows a key.
 */
export function parseServiceKeys(text: string): readonly ServiceKey[] | string {
  const entries = readEntries(text.trim());
  if (entries === undefined) return expected;
  if (entries.length === 0) return "must hold at least one key";
  const keys: ServiceKey[] = [];
  const owners = new Map<string, string>();
  for (const [index, [name, key]] of entries.entries()) {
    // By its place, because who mixed up names and keys would read a key here.
    if (!isPossibleKey(key)) return `holds a key (number ${index + 1}) that is not ${KEY_RULE}`;
    const owner = owners.get(key);
    if (owner !== undefined && owner !== name) return `gives the same key to two names (number ${index + 1})`;
    if (owner === undefined) keys.push({ name, key });
    owners.set(key, name);
  }
  return keys;
}

type Entry = readonly [name: string, key: unknown];

function readEntries(text: string): Entry[] | undefined {
  if (!/^[[{"]/.test(text)) return number(text.split(",").map((key) => key.trim()));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (Array.isArray(value)) return number(value);
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).flatMap(([name, keys]: [string, unknown]): Entry[] =>
    Array.isArray(keys) ? keys.map((key: unknown): Entry => [name, key]) : [[name, keys]],
  );
}

/** Keys without names are told apart by their place; the development keys are known by name. */
function number(keys: readonly unknown[]): Entry[] {
  return [...new Set(keys)].map((key, index): Entry => {
    const known = DEVELOPMENT_KEYS.find((candidate) => candidate.key === key);
    return [known?.name ?? `key-${index + 1}`, key];
  });
}
