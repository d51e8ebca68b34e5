import { parseInstant } from "@flux/dao-core/contract";
import type { ValidationIssue } from "@flux/dao-core/errors";
import type { ParameterKind, QueryParameters } from "../api/operation.ts";
import { InvalidRequestError, invalidRequest } from "../http/http-error.ts";
import { toSnakeCase } from "../wire/json.ts";

/** Reads a query string into the input of a service. */
export type QueryReader = (query: string) => Record<string, unknown>;

/** Converts a parameter's text; returns it unchanged if it is invalid, for the service's schema to report. */
type ReadValue = (text: string) => unknown;

interface Parameter {
  /** As the service calls it: `pageSize`. */
  readonly name: string;
  readonly read: ReadValue;
}

// As in JSON, so that there is one spelling: no `+1`, `01`, `1e3` or ` 1`.
const wholeNumber = /^(?:0|-?[1-9]\d*)$/;

const readers: Readonly<Record<ParameterKind, ReadValue>> = {
  text: (text) => text,
  number: (text) => (wholeNumber.test(text) ? Number(text) : text),
  boolean: (text) => (text === "true" ? true : text === "false" ? false : text),
  instant: (text) => parseInstant(text) ?? text,
};

/** The reader for these parameters. Unknown and repeated parameters are errors (contract, "REST"). */
export function queryReader(parameters: QueryParameters = {}): QueryReader {
  const known = new Map<string, Parameter>();
  for (const [name, kind] of Object.entries(parameters)) {
    known.set(toSnakeCase(name) ?? name, { name, read: readers[kind] });
  }
  return (query) => readQuery(query, known);
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
    if (wireName === "") issues.push({ path: "", message: "has a parameter without a name" });
    else if (parameter === undefined) issues.push({ path: wireName, message: "is not a known parameter" });
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
    throw invalidRequest("has a query string whose percent-encoding is not UTF-8");
  }
}
