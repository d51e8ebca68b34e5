import { parseInstant } from "@flux/dao-core/contract";
import type { ValidationIssue } from "@flux/dao-core/errors";
import type { QueryParameters, ScalarKind } from "../api/operation.ts";
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

/** Reads a query string into the input of a service. Unknown parameters, and repeated ones of one value, are errors (contract, "REST"). */
export function readQuery(query: string, parameters: QueryParameters = {}): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const issues: ValidationIssue[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const wireName = decodePart(equals === -1 ? pair : pair.slice(0, equals));
    const text = decodePart(equals === -1 ? "" : pair.slice(equals + 1));
    const message =
      wireName === ""
        ? "has a parameter without a name"
        : readParameter(input, toCamelCase(wireName) ?? "", text, parameters);
    if (message !== undefined) issues.push({ path: wireName, message });
  }
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return input;
}

/** Adds a parameter to the input. Returns what is wrong with it, if anything. */
function readParameter(
  input: Record<string, unknown>,
  name: string,
  text: string,
  parameters: QueryParameters,
): string | undefined {
  const kindOf = (name: string) => (Object.hasOwn(parameters, name) ? parameters[name] : undefined);
  const kind = kindOf(name);
  if (typeof kind === "object") return readSort(input, name, text, kind);
  if (kind === undefined && name === "isNull") return readNull(input, text, parameters);
  const [, rangeName = "", end] = kind === undefined ? (/^(.+)(From|Before)$/.exec(name) ?? []) : [];
  const [scalar, form] = String(kind ?? kindOf(rangeName) ?? "").split(" ");
  if (!isScalarKind(scalar) || (form === "range") !== (end !== undefined)) return "is not a known parameter";
  const read = readers[scalar];
  const field = end === undefined ? name : rangeName;
  const given = Object.hasOwn(input, field) ? input[field] : undefined;
  if (given === null) return "cannot be combined with is_null of the same field";
  if (end !== undefined) {
    const range = { ...Object(given), [end.toLowerCase()]: read(text) };
    if (Object.keys(range).length === Object.keys(Object(given)).length) return "is given more than once";
    input[field] = range;
  } else if (given === undefined) input[field] = read(text);
  else if (form !== "list") return "is given more than once";
  else if (Array.isArray(given)) given.push(read(text));
  else input[field] = [given, read(text)];
  return undefined;
}

const isScalarKind = (kind: string | undefined): kind is ScalarKind =>
  kind !== undefined && Object.hasOwn(readers, kind);

function readSort(input: Record<string, unknown>, name: string, text: string, fields: readonly string[]) {
  if (Object.hasOwn(input, name)) return "is given more than once";
  const [, minus = "", wireName = ""] = /^(-?)(.*)$/s.exec(text) ?? [];
  const field = toCamelCase(wireName);
  if (field === undefined || !fields.includes(field)) {
    return `must be one of ${fields.map(toSnakeCase).join(", ")}, with - before it for the descending order`;
  }
  input[name] = minus + field;
  return undefined;
}

/** `is_null=milestone_id`: the filter on the field is null. */
function readNull(input: Record<string, unknown>, text: string, parameters: QueryParameters): string | undefined {
  const nullable = Object.keys(parameters).filter((name) => String(parameters[name]).endsWith(" or null"));
  if (nullable.length === 0) return "is not a known parameter";
  const field = toCamelCase(text);
  if (field === undefined || !nullable.includes(field)) return `must be one of ${nullable.map(toSnakeCase).join(", ")}`;
  if (Object.hasOwn(input, field) && input[field] !== null)
    return "cannot be combined with another filter of the same field";
  input[field] = null;
  return undefined;
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
