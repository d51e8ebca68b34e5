import { parseInstant } from "@flux/dao-core/contract";
import type { ValidationIssue } from "@flux/dao-core/errors";
import type { ParameterKind, QueryParameters } from "../api/operation.ts";
import { InvalidRequestError, invalidRequest } from "../http/problem.ts";
import { toCamelCase } from "../wire/json.ts";

// As in JSON, so that a number has one spelling: no `+1`, `01`, `1e3` or ` 1`.
const wholeNumber = /^(?:0|-?[1-9]\d*)$/;

/** Invalid text is returned unchanged, so that the service's schema reports it. */
const readers: Readonly<Record<ParameterKind, (text: string) => unknown>> = {
  text: (text) => text,
  number: (text) => (wholeNumber.test(text) ? Number(text) : text),
  boolean: (text) => (text === "true" ? true : text === "false" ? false : text),
  instant: (text) => parseInstant(text) ?? text,
};

/** Reads a query string into the input of a service. Unknown and repeated parameters are errors (contract, "REST"). */
export function readQuery(query: string, parameters: QueryParameters = {}): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const issues: ValidationIssue[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const wireName = decodePart(equals === -1 ? pair : pair.slice(0, equals));
    const text = decodePart(equals === -1 ? "" : pair.slice(equals + 1));
    const name = toCamelCase(wireName) ?? "";
    const kind = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (wireName === "") issues.push({ path: "", message: "has a parameter without a name" });
    else if (kind === undefined) issues.push({ path: wireName, message: "is not a known parameter" });
    else if (Object.hasOwn(input, name)) issues.push({ path: wireName, message: "is given more than once" });
    else input[name] = readers[kind](text);
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
