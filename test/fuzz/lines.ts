import type { Random } from "../random.ts";
import type { OperationObject } from "../rest/openapi-document.ts";
import type { JsonSchema } from "./schema-verdict.ts";
import { pick } from "./text.ts";

/** The media type of a body with one JSON text a line. */
export const NDJSON = "application/x-ndjson";

type Content = NonNullable<OperationObject["requestBody"]>["content"];

/** What each line holds by the document; `undefined` where there are no lines. */
export function lineSchemaOf(content: Content | undefined): JsonSchema | undefined {
  return content?.[NDJSON]?.schema.contentSchema;
}

/** Whether the operation's request has one JSON text a line. */
export function takesLines({ requestBody }: OperationObject): boolean {
  return lineSchemaOf(requestBody?.content) !== undefined;
}

const BLANKS = ["", "", " ", "\t", "\r", " \t \r"];

/** A body of these lines in one of its spellings: either end of a line, blank lines, and a last line without an end. */
export function joinLines(random: Random, lines: readonly string[]): string {
  const end = () => pick(random, random.chance(0.8) ? ["\n"] : ["\n", "\r\n"]);
  const spaced = lines.flatMap((line) => (random.chance(0.1) ? [pick(random, BLANKS), line] : [line]));
  const text = spaced.map((line) => line + end()).join("");
  return random.chance(0.3) ? text.replace(/\r?\n$/, "") : text;
}

/** Where the lines of a body are that are not blank, without their ends. */
export function linesOf(body: Uint8Array): readonly (readonly [from: number, to: number])[] {
  const lines: [number, number][] = [];
  for (let from = 0; from < body.length; ) {
    const end = body.indexOf(0x0a, from);
    const to = end === -1 ? body.length : end;
    if (body.subarray(from, to).some((byte) => ![0x20, 0x09, 0x0d].includes(byte))) lines.push([from, to]);
    from = to + 1;
  }
  return lines;
}

/** The body with one of its lines made another; `undefined` where it has none. */
export function withLine(
  random: Random,
  body: Uint8Array,
  make: (line: Uint8Array) => Uint8Array,
): Uint8Array | undefined {
  const lines = linesOf(body);
  if (lines.length === 0) return undefined;
  const [from, to] = pick(random, lines);
  return Buffer.concat([body.subarray(0, from), make(body.subarray(from, to)), body.subarray(to)]);
}

/**
 * The values of an answer by lines.
 * @throws SyntaxError for a line that is not JSON, and for a last one without an end
 */
export function parseLines(text: string): unknown[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new SyntaxError("The last line has no end.");
  return lines.map((line) => JSON.parse(line));
}
