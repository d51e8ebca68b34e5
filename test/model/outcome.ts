import { isDaoError } from "@flux/dao-core";
import { toCode } from "./code.ts";

/** How a call ended, as far as the contract defines it. Messages are for people, and are not compared. */
export type Outcome =
  | { readonly kind: "result"; readonly value: unknown }
  | {
      readonly kind: "error";
      /** The name of its class. */
      readonly name: string;
      /** `undefined` for an error that is not the library's. */
      readonly code: string | undefined;
      readonly field: unknown;
      readonly id: unknown;
      /** For a validation error: the paths of its issues. */
      readonly paths: readonly string[];
      readonly error: unknown;
    };

export async function observe(call: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: "result", value: await call() };
  } catch (error) {
    const name = error instanceof Error ? error.constructor.name : typeof error;
    if (!isDaoError(error))
      return { kind: "error", name, code: undefined, field: undefined, id: undefined, paths: [], error };
    const issues: unknown = Reflect.get(error, "issues");
    const paths = Array.isArray(issues)
      ? issues.map((issue: unknown) => String(Reflect.get(Object(issue), "path")))
      : [];
    const [field, id]: unknown[] = [Reflect.get(error, "field"), Reflect.get(error, "id")];
    return { kind: "error", name, code: error.code, field, id, paths, error };
  }
}

/** The outcome as a tally counts it: `ok`, or the code, with the field of a conflict or a missing row. */
export function labelOf(outcome: Outcome): string {
  if (outcome.kind === "result") return "ok";
  if (outcome.code === undefined) return `not documented: ${outcome.name}`;
  return typeof outcome.field === "string" ? `${outcome.code} ${outcome.field}` : outcome.code;
}

export function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === "result") return toCode(outcome.value);
  const { name, code, field, id, paths, error } = outcome;
  if (code === undefined) return `${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  const about = [field, id, ...paths].filter((part) => part !== undefined).map(String);
  return about.length === 0 ? name : `${name} (${about.join(", ")})`;
}
