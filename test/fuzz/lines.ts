import type { OperationObject } from "../rest/openapi-document.ts";
import type { JsonSchema } from "./schema-verdict.ts";

/** The media type of NDJSON, with one JSON text a line. */
export const NDJSON = "application/x-ndjson";

type Content = NonNullable<OperationObject["requestBody"]>["content"];

/** The documented schema of a line; `undefined` if the content is not NDJSON. */
export function lineSchemaOf(content: Content | undefined): JsonSchema | undefined {
  return content?.[NDJSON]?.schema.contentSchema;
}

/** Whether the operation's request body is NDJSON. */
export function takesLines({ requestBody }: OperationObject): boolean {
  return lineSchemaOf(requestBody?.content) !== undefined;
}

/** The positions of the lines of a body that are not blank, without their line ends. */
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

/**
 * The values of an NDJSON response.
 * @throws SyntaxError for a line that is not JSON, and for a last line without an end
 */
export function parseLines(text: string): unknown[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new SyntaxError("The last line has no end.");
  return lines.map((line) => JSON.parse(line));
}
