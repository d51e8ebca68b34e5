import { isLongRow, isLongValue, type LongRow, type LongValue, type OpenResult, type RowPieces } from "@flux/dao-core";
import { encode } from "../wire/encode.ts";

/** The rows of a response that are read as it is sent. */
export type UnreadResult = Exclude<OpenResult, { readonly kind: "whole" | "row" }>;

/** What reading takes from the memory for responses. */
export interface PartMemory {
  /** Waits until there is room for as many bytes, which are held in the place of those that were held. */
  take(bytes: number): Promise<void>;
  hold(bytes: number): void;
  /** Aborts when the response has ended, or its reader has gone. */
  readonly ended: AbortSignal;
}

/** Bytes that a piece of rows takes while it is read and encoded, and those that a long row may take before its size is known. */
const PIECE = 2 * 1_048_576;
const LONG_ROW = 16 * 1_048_576;

/** The JSON text of a result, each part read when it is asked for. The same text as `encode` makes of the whole result. */
export async function* jsonParts(result: UnreadResult, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  switch (result.kind) {
    case "page": {
      const { items: _, ...rest } = result.page;
      yield '{"items":[';
      yield* rowParts(result.rows, memory);
      yield `],${encode(rest).slice(1)}`;
      return;
    }
    case "list":
      yield "[";
      yield* rowParts(result.rows, memory);
      yield "]";
      return;
    case "goal": {
      const { goal } = result;
      let text = "";
      for await (const part of isLongRow(goal) ? longRowParts(goal, memory) : [encode(goal[0])]) {
        yield text;
        text = part;
      }
      yield `${text.slice(0, -1)},"milestones":[`;
      yield* rowParts(result.milestones, memory);
      yield '],"tasks":[';
      yield* rowParts(result.tasks, memory);
      yield "]}";
    }
  }
}

async function* rowParts(rows: RowPieces, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  const pieces = rows[Symbol.asyncIterator]();
  let separator = "";
  try {
    for (;;) {
      await memory.take(PIECE);
      const { value, done } = await pieces.next();
      if (done === true) return;
      if (isLongRow(value)) {
        for await (const part of longRowParts(value, memory)) {
          yield separator + part;
          separator = "";
        }
      } else if (value.length > 0) {
        const text = encode(value).slice(1, -1);
        memory.hold(2 * text.length);
        yield separator + text;
      } else continue;
      separator = ",";
    }
  } finally {
    await pieces.return?.();
  }
}

async function* longRowParts(row: LongRow, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  await memory.take(LONG_ROW);
  const read = await row.inParts(memory.ended);
  if (read !== null) yield* longRowText(read, memory);
}

/** The JSON text of a row with long values. */
export async function* longRowText(row: object, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  let text = "";
  let separator = "{";
  for (const [name, value] of Object.entries(row)) {
    text += separator;
    separator = ",";
    if (!isLongValue(value)) {
      text += encode({ [name]: value }).slice(1, -1);
      continue;
    }
    yield text + encode({ [name]: null }).slice(1, -"null}".length);
    yield* valueParts(value, memory);
    text = "";
  }
  yield `${text}}`;
}

async function* valueParts(value: LongValue, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  if (!value.isJson) yield '"';
  if (value.text !== undefined) {
    memory.hold(value.text.length);
    yield value.text;
  } else {
    const parts = value.parts[Symbol.asyncIterator]();
    for (;;) {
      await memory.take(2 * value.partLength);
      const { value: part, done } = await parts.next();
      if (done === true) break;
      yield value.isJson ? part : JSON.stringify(part).slice(1, -1);
    }
  }
  if (!value.isJson) yield '"';
}
