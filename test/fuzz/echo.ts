import { isDeepStrictEqual } from "node:util";

/**
 * How a row differs from the request that wrote it, in the fields that both have; `undefined` if it does not.
 * @param sent the body as parsed by JSON.parse
 */
export function differenceOf(sent: unknown, row: unknown): string | undefined {
  if (Array.isArray(sent)) return differenceOfCount(sent, row);
  if (!isObject(sent) || !isObject(row)) return undefined;
  for (const [name, value] of Object.entries(sent)) {
    if (!Object.hasOwn(row, name) || name === "__proto__") continue;
    const stored: unknown = Reflect.get(row, name);
    if (isListOfRows(stored) || isSame(value, stored)) continue;
    return `${name} is ${show(stored)}, not ${show(value)}`;
  }
  return undefined;
}

/** The response to an import only has the number of rows. */
function differenceOfCount({ length }: readonly unknown[], response: unknown): string | undefined {
  const count: unknown = isObject(response) ? Reflect.get(response, "created_count") : undefined;
  return count === length ? undefined : `created_count is ${show(count)} for ${length} lines`;
}

/** Returned rows have more fields than were sent, and may be grouped differently. */
function isListOfRows(stored: unknown): boolean {
  return Array.isArray(stored) && stored.length > 0 && stored.every((row) => isObject(row) && "created_at" in row);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(sent: unknown, stored: unknown): boolean {
  // Null means empty for what is stored as JSON.
  if (sent === null && isEmpty(stored)) return true;
  // A double keeps negative zero, and PostgreSQL's JSON does not.
  if (isDeepStrictEqual(toJson(sent), toJson(stored))) return true;
  if (typeof sent !== "string" || typeof stored !== "string") return false;
  // Ids are lower case; instants are in UTC, to the millisecond.
  return sent.toLowerCase() === stored || instantOf(sent) === instantOf(stored);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function toJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 200);
}

function instantOf(text: string): number {
  return /^\d{4}-\d\d-\d\d[Tt ]\d/.test(text) ? Math.floor(Date.parse(text.toUpperCase())) : Number.NaN;
}
