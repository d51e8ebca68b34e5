import { isLongRow, isLongValue, type LongRow, type LongValue, type OpenResult, type RowPieces } from "@flux/dao-core";
import { encode } from "../wire/json.ts";
import { LONG_ROW_MEMORY, ROWS_MEMORY } from "../wire/limits.ts";
import type { PartMemory } from "./response-body.ts";

/** The rows of a response that are read as it is sent. */
export type UnreadResult = Exclude<OpenResult, { readonly kind: "whole" | "row" }>;

/** The JSON text of a result, each part read when it is requested: the same text as `encode` returns for the whole result. */
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
  let separator = "";
  for await (const piece of whenThereIsRoom(rows, ROWS_MEMORY, memory)) {
    if (isLongRow(piece)) {
      for await (const part of longRowParts(piece, memory)) {
        yield separator + part;
        separator = "";
      }
    } else if (piece.length > 0) {
      const text = encode(piece).slice(1, -1);
      memory.hold(2 * text.length);
      yield separator + text;
    } else continue;
    separator = ",";
  }
}

/** The items, each read when there is room for so many bytes. */
async function* whenThereIsRoom<Item>(items: AsyncIterable<Item>, bytes: number, memory: PartMemory) {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      await memory.take(bytes);
      const { value, done } = await iterator.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

async function* longRowParts(row: LongRow, memory: PartMemory): AsyncGenerator<string, void, undefined> {
  await memory.take(LONG_ROW_MEMORY);
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
    for await (const part of whenThereIsRoom(value.parts, 2 * value.partLength, memory)) {
      yield value.isJson ? part : JSON.stringify(part).slice(1, -1);
    }
  }
  if (!value.isJson) yield '"';
}
