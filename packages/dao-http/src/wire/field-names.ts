import { fieldKinds } from "./field-kinds.gen.ts";

/**
 * Field names are camelCase in TypeScript and snake_case in JSON. Each has one spelling in each: a name with a capital is not
 * valid in JSON, a name with an underscore not in TypeScript, so no field can be sent under two names.
 */
const camelCase = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*$/;
const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/;

const namesOf = (kind: "instant" | "json"): ReadonlySet<string> =>
  new Set(Object.keys(fieldKinds).filter((name) => fieldKinds[name] === kind));
const instants = namesOf("instant");
const jsons = namesOf("json");

/** Whether the field of this camelCase name holds an instant: a `Date` in TypeScript, RFC 3339 text in JSON. */
export const isInstantField = (name: string): boolean => instants.has(name);

/** Whether the field of this camelCase name holds a caller's own JSON, which passes untouched. */
export const isJsonField = (name: string): boolean => jsons.has(name);

function snakeCaseOf(name: string): string | undefined {
  return camelCase.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : undefined;
}

function camelCaseOf(name: string): string | undefined {
  return snakeCase.test(name) ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : undefined;
}

// Only the contract's own names are remembered: callers choose others, and there is no limit to those.
const wireNames = new Map<string, string>();
const fieldNames = new Map<string, string>();
for (const name of Object.keys(fieldKinds)) {
  const wireName = snakeCaseOf(name) ?? name;
  wireNames.set(name, wireName);
  fieldNames.set(wireName, name);
}

/** `userId` → `user_id`; `undefined` for a name that is not camelCase. */
export const toSnakeCase = (name: string): string | undefined => wireNames.get(name) ?? snakeCaseOf(name);

/** `user_id` → `userId`; `undefined` for a name that is not snake_case, such as `__proto__` and `userId`. */
export const toCamelCase = (name: string): string | undefined => fieldNames.get(name) ?? camelCaseOf(name);

/** `user_id` → `userId`; `undefined` if the contract has no such field. */
export const fieldNameOf = (wireName: string): string | undefined => fieldNames.get(wireName);

function mapPath(
  path: string,
  rename: (name: string) => string | undefined,
  isJson: (name: string) => boolean,
): string {
  const segments = path.split(".");
  const renamed: string[] = [];
  for (const [index, segment] of segments.entries()) {
    renamed.push(rename(segment) ?? segment);
    // What follows are keys of the caller's own JSON.
    if (isJson(segment)) return [...renamed, ...segments.slice(index + 1)].join(".");
  }
  return renamed.join(".");
}

/** `milestones.0.weekNumber` → `milestones.0.week_number`: the path of a field as the sender of the JSON wrote it. */
export function toWirePath(path: string): string {
  return mapPath(path, toSnakeCase, isJsonField);
}

/** `milestones.0.week_number` → `milestones.0.weekNumber`. */
export function toFieldPath(path: string): string {
  return mapPath(path, toCamelCase, (name) => isJsonField(toCamelCase(name) ?? name));
}
