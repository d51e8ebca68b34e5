import { parseInstant } from "@flux/dao-core/contract";
import type { ValidationIssue } from "@flux/dao-core/errors";
import { z } from "zod";
import { InvalidRequestError } from "./http-error.ts";
import { isInstantField, toSnakeCase } from "./wire/field-names.ts";

/** Reads a query string into the input of a service. */
export type QueryReader = (query: string) => Record<string, unknown>;

/** Makes a value of a parameter's text, or leaves it text, which the service's schema then says what is wrong with. */
type ReadValue = (text: string) => unknown;

interface Parameter {
  /** As the service calls it: `pageSize`. */
  readonly name: string;
  readonly read: ReadValue;
}

// As JSON writes them, so that there is one spelling: no `+1`, `01`, `1e3` or ` 1`.
const wholeNumber = /^(?:0|-?[1-9]\d*)$/;
const readNumber: ReadValue = (text) => (wholeNumber.test(text) ? Number(text) : text);
const readBoolean: ReadValue = (text) => (text === "true" ? true : text === "false" ? false : text);
const readInstant: ReadValue = (text) => parseInstant(text) ?? text;
const readText: ReadValue = (text) => text;

function readerOf(name: string, schema: z.ZodType): ReadValue {
  if (isInstantField(name)) return readInstant;
  const { type } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  if (type === "integer" || type === "number") return readNumber;
  return type === "boolean" ? readBoolean : readText;
}

/**
 * The reader for the parameters that `schema` has; without one, for an operation that takes none. A parameter that is
 * not known, or given twice, is refused (contract, "REST").
 */
export function queryReader(schema: z.ZodObject | undefined): QueryReader {
  const parameters = new Map<string, Parameter>();
  for (const [name, field] of Object.entries<z.ZodType>(schema?.shape ?? {})) {
    parameters.set(toSnakeCase(name) ?? name, { name, read: readerOf(name, field) });
  }
  return (query) => readQuery(query, parameters);
}

function readQuery(query: string, parameters: ReadonlyMap<string, Parameter>): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const issues: ValidationIssue[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const wireName = decodePart(equals === -1 ? pair : pair.slice(0, equals));
    const text = decodePart(equals === -1 ? "" : pair.slice(equals + 1));
    const parameter = parameters.get(wireName);
    if (parameter === undefined) issues.push({ path: wireName, message: "is not a known parameter" });
    else if (Object.hasOwn(input, parameter.name)) issues.push({ path: wireName, message: "is given more than once" });
    else input[parameter.name] = parameter.read(text);
  }
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return input;
}

/** As HTML forms encode it: a plus is a space. */
function decodePart(part: string): string {
  const spaced = part.includes("+") ? part.replaceAll("+", " ") : part;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw new InvalidRequestError([{ path: "", message: "has a query string whose percent-encoding is not UTF-8" }]);
  }
}
