import { parseInstant } from "@flux/dao-core/contract";
import type { ValidationIssue } from "@flux/dao-core/errors";
import { type QueryParameters, type ScalarKind, scalarOf } from "../api/operation.ts";
import { InvalidRequestError, invalidRequest } from "../http/problem.ts";
import { toCamelCase, toSnakeCase } from "../wire/json.ts";

// As in JSON, so that a number has one spelling: no `+1`, `01`, `1e3` or ` 1`.
const wholeNumber = /^(?:0|-?[1-9]\d*)$/;

/** Invalid text is returned unchanged, so that the service's schema reports it. */
const readers: Readonly<Record<ScalarKind, (text: string) => unknown>> = {
  text: (text) => text,
  number: (text) => (wholeNumber.test(text) ? Number(text) : text),
  boolean: (text) => (text === "true" ? true : text === "false" ? false : text),
  instant: (text) => parseInstant(text) ?? text,
};

/** Reads the text of a parameter into the input of a service. Returns what is wrong with it, if anything. */
type ParameterReader = (input: Record<string, unknown>, text: string) => string | undefined;

const known = new WeakMap<QueryParameters, ReadonlyMap<string, ParameterReader>>();
const none: QueryParameters = {};

/** Reads a query string into the input of a service. Unknown parameters, and repeated ones of one value, are errors (contract, "REST"). */
export function readQuery(query: string, parameters: QueryParameters = none): Record<string, unknown> {
  let parameterReaders = known.get(parameters);
  if (parameterReaders === undefined) {
    parameterReaders = new Map(readersOf(parameters));
    known.set(parameters, parameterReaders);
  }
  const input: Record<string, unknown> = {};
  const issues: ValidationIssue[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const wireName = decodePart(equals === -1 ? pair : pair.slice(0, equals));
    const text = decodePart(equals === -1 ? "" : pair.slice(equals + 1));
    const read = parameterReaders.get(wireName);
    const unknown = wireName === "" ? "has a parameter without a name" : "is not a known parameter";
    const message = read === undefined ? unknown : read(input, text);
    if (message !== undefined) issues.push({ path: wireName, message });
  }
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return input;
}

/** The readers of all parameters, by their names in a query string. */
function* readersOf(parameters: QueryParameters): Generator<[wireName: string, ParameterReader]> {
  const nullable: string[] = [];
  for (const [name, kind] of Object.entries(parameters)) {
    const wireName = toSnakeCase(name) ?? name;
    if (typeof kind === "object") {
      yield [wireName, sortReader(name, kind)];
      continue;
    }
    const [, form, or] = kind.split(" ");
    const read = readers[scalarOf(kind)];
    if (or !== undefined) nullable.push(wireName);
    if (form !== "range") yield [wireName, valueReader(name, read, form === "list")];
    else for (const end of ["from", "before"]) yield [`${wireName}_${end}`, endReader(name, read, end)];
  }
  if (nullable.length > 0) yield ["is_null", nullReader(nullable)];
}

const IS_REPEATED = "is given more than once";
const IS_NULL = "cannot be combined with is_null of the same field";

/** @param isList whether there may be several values */
function valueReader(name: string, read: (text: string) => unknown, isList: boolean): ParameterReader {
  return (input, text) => {
    const given = input[name];
    if (given === null) return IS_NULL;
    if (given === undefined) input[name] = read(text);
    else if (!isList) return IS_REPEATED;
    else if (Array.isArray(given)) given.push(read(text));
    else input[name] = [given, read(text)];
    return undefined;
  };
}

function endReader(name: string, read: (text: string) => unknown, end: string): ParameterReader {
  return (input, text) => {
    const given = input[name];
    if (given === null) return IS_NULL;
    if (Object.hasOwn(Object(given), end)) return IS_REPEATED;
    input[name] = { ...Object(given), [end]: read(text) };
    return undefined;
  };
}

function sortReader(name: string, fields: readonly string[]): ParameterReader {
  return (input, text) => {
    if (Object.hasOwn(input, name)) return IS_REPEATED;
    const [, minus = "", wireName = ""] = /^(-?)(.*)$/s.exec(text) ?? [];
    const field = toCamelCase(wireName);
    if (field === undefined || !fields.includes(field)) {
      return `must be one of ${fields.map(toSnakeCase).join(", ")}, with - before it for the descending order`;
    }
    input[name] = minus + field;
    return undefined;
  };
}

/** `is_null=milestone_id`: the filter on the field is null. */
function nullReader(nullable: readonly string[]): ParameterReader {
  return (input, text) => {
    const field = toCamelCase(text);
    if (field === undefined || !nullable.includes(text)) return `must be one of ${nullable.join(", ")}`;
    if (Object.hasOwn(input, field) && input[field] !== null)
      return "cannot be combined with another filter of the same field";
    input[field] = null;
    return undefined;
  };
}

/** As HTML forms encode it: a plus is a space. */
function decodePart(part: string): string {
  const spaced = part.includes("+") ? part.replaceAll("+", " ") : part;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw invalidRequest("has a query string whose percent-encoding is not UTF-8");
  }
}
