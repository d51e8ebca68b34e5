import { JsonText } from "./json-text.ts";
import type { JsonSchema } from "./schema-verdict.ts";

/** A value as a path or a query string has it (OpenAPI's style `simple` and `form`): as text, without quotes. */
export function queryText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof JsonText) return value.text;
  return value === undefined ? "" : JSON.stringify(value);
}

/** What a text in a query string is by its schema: a number only in the one spelling that JSON has for it. */
export function readQueryText({ type }: JsonSchema, text: string): unknown {
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  if ((type === "integer" || type === "number") && /^(?:0|-?[1-9]\d*)$/.test(text)) return Number(text);
  return text;
}
