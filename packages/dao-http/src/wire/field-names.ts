import type { DaoServices, JsonArray, JsonObject, Page } from "@flux/dao-core/contract";
import { results } from "./results.ts";

/**
 * Field names in TypeScript are camelCase, in JSON snake_case. Both have one spelling only: a name with a capital is
 * none of JSON's, a name with an underscore none of TypeScript's, so that no field can be sent under two names.
 */
const camelCase = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*$/;
const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/;

/** What the services take and return, each as one union. */
type Exchanged = {
  [Service in keyof DaoServices]: {
    [Method in keyof DaoServices[Service]]: DaoServices[Service][Method] extends (
      ...args: infer Args
    ) => Promise<infer Result> | AsyncIterable<infer Result>
      ? { readonly input: ItemOf<Args[number]>; readonly result: Result }
      : never;
  }[keyof DaoServices[Service]];
}[keyof DaoServices];

/** What is sent one by one is looked at one by one. */
type ItemOf<Value> = Value extends Iterable<infer Item> | AsyncIterable<infer Item> ? Item : Value;

/** The objects that `Value` is made of, down to those whose fields are plain values, instants or JSON columns. */
type ObjectsOf<Value> = Value extends string | number | boolean | null | undefined | Date | AbortSignal
  ? never
  : JsonArray extends Value
    ? never
    : JsonObject extends Value
      ? never
      : Value extends Page<infer Item>
        ? ObjectsOf<Item>
        : Value extends readonly (infer Item)[]
          ? ObjectsOf<Item>
          : Value | ObjectsOf<Value[keyof Value]>;

/** The fields that only inputs have: those of results stand in their shapes. */
type InputField = Exclude<
  NameIn<ObjectsOf<Exchanged["input"]>>,
  NameIn<ObjectsOf<Exchanged["result"]> | Page<unknown>>
>;

type NameIn<Dto> = Dto extends unknown ? keyof Dto & string : never;

type ValueIn<Dto, Name> = Dto extends unknown ? (Name extends keyof Dto ? NonNullable<Dto[Name]> : never) : never;

type KindOf<Value> = [Value] extends [Date]
  ? "instant"
  : JsonObject extends Value
    ? "json"
    : JsonArray extends Value
      ? "json"
      : "other";

// The compiler holds it complete: an input with another such field does not compile until it is named here.
const inputFields: { readonly [Name in InputField]: KindOf<ValueIn<ObjectsOf<Exchanged["input"]>, Name>> } = {
  goal: "other",
  taskIds: "other",
  newState: "other",
  updates: "other",
  startDate: "instant",
  endDate: "instant",
};

const known = new Set<string>();
const instants = new Set<string>();
const jsons = new Set<string>();

function collectFields(shape: unknown): void {
  if (typeof shape !== "object" || shape === null) return;
  const fields: readonly [string, unknown][] = Object.entries(shape);
  for (const [name, field] of fields) {
    if (!Array.isArray(shape)) known.add(name);
    if (field === "instant" || field === "instant or null") instants.add(name);
    if (field === "json") jsons.add(name);
    collectFields(field);
  }
}
collectFields(inputFields);
for (const shapes of Object.values(results)) Object.values<unknown>(shapes).forEach(collectFields);

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

// Of the contract's own names only: callers choose others, and whatever they choose must not be remembered.
const wireNames = new Map<string, string>();
const fieldNames = new Map<string, string>();
for (const name of known) {
  const wireName = snakeCaseOf(name) ?? name;
  wireNames.set(name, wireName);
  fieldNames.set(wireName, name);
}

/** `userId` → `user_id`; `undefined` for what is no camelCase name. */
export const toSnakeCase = (name: string): string | undefined => wireNames.get(name) ?? snakeCaseOf(name);

/** `user_id` → `userId`; `undefined` for what is no snake_case name, such as `__proto__` and `userId`. */
export const toCamelCase = (name: string): string | undefined => fieldNames.get(name) ?? camelCaseOf(name);

/** `user_id` → `userId`; `undefined` for what is no field of the contract. */
export const fieldNameOf = (wireName: string): string | undefined => fieldNames.get(wireName);
