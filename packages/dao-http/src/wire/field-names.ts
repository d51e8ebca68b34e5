import type { DaoServices, JsonArray, JsonObject, Page } from "@flux/dao-core/contract";

/**
 * Field names in TypeScript are camelCase, in JSON snake_case. Both have one spelling only: a name with a capital is
 * none of JSON's, a name with an underscore none of TypeScript's, so that no field can be sent under two names.
 */
const camelCase = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)*$/;
const snakeCase = /^[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*$/;

/** Callers choose names, so what is remembered of them is bounded. All the names of the contract are some 50. */
const MAX_REMEMBERED = 512;

function remember<Value>(make: (name: string) => Value): (name: string) => Value {
  const known = new Map<string, Value>();
  return (name) => {
    const value = known.get(name);
    if (value !== undefined || known.has(name)) return value ?? make(name);
    const made = make(name);
    if (known.size < MAX_REMEMBERED) known.set(name, made);
    return made;
  };
}

/** `userId` → `user_id`; `undefined` for what is no camelCase name. */
export const toSnakeCase = remember((name): string | undefined =>
  camelCase.test(name) ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : undefined,
);

/** `user_id` → `userId`; `undefined` for what is no snake_case name, such as `__proto__` and `userId`. */
export const toCamelCase = remember((name): string | undefined =>
  snakeCase.test(name) ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : undefined,
);

/** What the services take and answer, as one union. */
type Exchanged = {
  [Service in keyof DaoServices]: {
    [Method in keyof DaoServices[Service]]: DaoServices[Service][Method] extends (
      ...args: infer Args
    ) => Promise<infer Result>
      ? Args[number] | Result
      : never;
  }[keyof DaoServices[Service]];
}[keyof DaoServices];

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

/** The fields of any DTO that can hold an instant. */
type InstantField = FieldOf<ObjectsOf<Exchanged>, "instant">;
/** The fields of any DTO that hold a caller's own JSON. */
type JsonField = FieldOf<ObjectsOf<Exchanged>, "json">;

type FieldOf<Dto, Kind extends "instant" | "json"> = Dto extends unknown
  ? {
      [Name in keyof Dto]-?: KindOf<NonNullable<Dto[Name]>> extends Kind ? Name : never;
    }[keyof Dto] &
      string
  : never;

type KindOf<Value> = [Value] extends [Date]
  ? "instant"
  : JsonObject extends Value
    ? "json"
    : JsonArray extends Value
      ? "json"
      : "other";

// The compiler holds both complete: a DTO with another such field does not compile until it is named here.
const instantFields = {
  createdAt: true,
  startTime: true,
  endTime: true,
  startDate: true,
  endDate: true,
  virtualNow: true,
} satisfies Record<InstantField, true>;

const jsonFields = { preferences: true, messages: true } satisfies Record<JsonField, true>;

const instants: ReadonlySet<string> = new Set(Object.keys(instantFields));
const jsons: ReadonlySet<string> = new Set(Object.keys(jsonFields));

/** Whether the field of this camelCase name holds an instant: a `Date` in TypeScript, RFC 3339 text in JSON. */
export const isInstantField = (name: string): boolean => instants.has(name);

/** Whether the field of this camelCase name holds a caller's own JSON, which passes untouched. */
export const isJsonField = (name: string): boolean => jsons.has(name);
