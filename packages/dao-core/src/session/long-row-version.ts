import { createHash } from "node:crypto";
import { pieceOf } from "../contract/version.ts";
import { VERSION_STEP } from "./limits.ts";
import { isLongValue } from "./piece-reads.ts";
import { nextTurn } from "./waiting/event-loop.ts";

/**
 * The version of a row as {@link LongRow.inParts} returns it, the same as `versionOf` its DTO; `undefined` where a value of it
 * is not in memory. It takes a turn of the event loop for each step, so that others are served meanwhile.
 */
export async function longRowVersion(row: object): Promise<string | undefined> {
  const digest = createHash("sha256");
  for (const value of Object.values(row)) {
    if (!isLongValue(value)) digest.update(pieceOf(value));
    else if (value.text === undefined) return undefined;
    else for await (const piece of versionPieces(value.text)) digest.update(piece);
    digest.update(",");
  }
  return digest.digest("hex").slice(0, 32);
}

/** What {@link pieceOf} makes of the value that a JSON text has, in pieces. */
async function* versionPieces(json: string): AsyncGenerator<string, void, undefined> {
  if (!json.startsWith("[")) {
    yield pieceOf(JSON.parse(json));
    return;
  }
  let separator = "[";
  for (const members of membersOf(json)) {
    await nextTurn();
    yield separator + JSON.stringify(JSON.parse(members)).slice(1, -1);
    separator = ",";
  }
  yield "]";
}

/** An array's members as arrays of some of them: what of JSON is not within text or brackets is between two members. */
function* membersOf(json: string): Generator<string, void, undefined> {
  let start = 1;
  let depth = 0;
  let isText = false;
  for (let at = 1; at < json.length - 1; at++) {
    const code = json.charCodeAt(at);
    if (isText) {
      if (code === BACKSLASH) at++;
      else isText = code !== QUOTE;
    } else if (code === QUOTE) isText = true;
    else if (code === 0x5b || code === 0x7b) depth++;
    else if (code === 0x5d || code === 0x7d) depth--;
    else if (code === COMMA && depth === 0 && at - start >= VERSION_STEP) {
      yield `[${json.slice(start, at)}]`;
      start = at + 1;
    }
  }
  yield `[${json.slice(start, -1)}]`;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
