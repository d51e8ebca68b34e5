import { ValidationError, type ValidationIssue } from "@flux/dao-core/errors";
import { encode, isInstantField, isJsonField, nextChunk } from "../wire/json.ts";
import { NDJSON_ITEMS, SOURCE_CLOSE_TIMEOUT } from "../wire/limits.ts";
import { isDate, isPlainObject } from "../wire/realms.ts";
import type { HttpCall } from "./http-call.ts";
import { pause } from "./waiting.ts";

/**
 * The JSON text of an input. The service validates it, but values that JSON cannot represent would arrive changed, and might be
 * accepted although they are rejected in-process, so they are checked here.
 * @param place the beginning of the paths of issues
 * @throws ValidationError
 */
export function jsonBody(input: unknown, place: readonly string[] = []): string {
  const issues: ValidationIssue[] = [];
  check(input, place, undefined, issues);
  if (issues.length > 0) throw new ValidationError(issues);
  return encode(input);
}

/** An NDJSON body that reads its items from a source as it is sent. */
export class SentLines {
  /** What the source threw, for which `fetch` rejects with an error of its own. */
  failure: { readonly error: unknown } | undefined;
  readonly #items: Iterator<unknown> | AsyncIterator<unknown>;
  #count = 0;
  #isDone = false;
  /** Whether the source was asked for items and has not returned them yet. */
  #isWaiting = false;

  /** @throws ValidationError for a source that is not iterable, as in-process */
  constructor(source: unknown) {
    const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = Object(source);
    const iterate: unknown = typeof source === "object" ? (asynchronous ?? synchronous) : undefined;
    if (typeof iterate !== "function") {
      throw new ValidationError([{ path: "", message: "must be items in a list, or in what else can be iterated" }]);
    }
    this.#items = Reflect.apply(iterate, source, []);
  }

  /** @param call notified whether the source or the service is awaited; absent if one time-out covers both */
  toStream(call?: Pick<HttpCall, "pause" | "expectProgress">): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const toLine = (item: unknown) => jsonBody(item, [String(this.#count++)]);
    return new ReadableStream({
      pull: async (controller) => {
        try {
          call?.pause();
          this.#isWaiting = true;
          const { text, isLast } = await nextChunk(this.#items, toLine, NDJSON_ITEMS);
          if (text !== "") controller.enqueue(encoder.encode(text));
          if (isLast) {
            this.#isDone = true;
            controller.close();
          }
          call?.expectProgress();
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        } finally {
          this.#isWaiting = false;
        }
      },
      cancel: () => this.close(),
    });
  }

  /** Closes the source unless it has ended; waits for no source that hangs. The call's own error says why it ended. */
  async close(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    const closed = this.#return().catch(() => undefined);
    if (this.#isWaiting) return;
    const over = new AbortController();
    await Promise.race([closed, pause(SOURCE_CLOSE_TIMEOUT, over.signal).catch(() => undefined)]);
    over.abort();
  }

  async #return(): Promise<void> {
    await this.#items.return?.();
  }
}

/** Maximum nesting of a JSON column (contract, "Data"); no DTO nests as deep. */
const MAX_DEPTH = 64;

/** @param jsonDepth how deep within a JSON column; `undefined` outside of one */
function check(value: unknown, path: readonly string[], jsonDepth: number | undefined, issues: ValidationIssue[]) {
  const message =
    jsonDepth === undefined ? fieldProblem(value, path.at(-1) ?? "", path.length) : jsonProblem(value, jsonDepth);
  if (message !== undefined) issues.push({ path: path.join("."), message });
  else if (typeof value === "object" && value !== null && !isDate(value)) {
    // With the gaps of a list, which its entries are without.
    for (const [name, member] of Object.entries(Array.isArray(value) ? Array.from(value) : value)) {
      const startsJson = isJsonField(name) ? 0 : undefined;
      check(member, [...path, name], jsonDepth === undefined ? startsJson : jsonDepth + 1, issues);
    }
  }
}

function fieldProblem(value: unknown, name: string, depth: number): string | undefined {
  if (isInstantField(name)) {
    if (isDate(value)) return undefined;
    if (typeof value === "string") return "must be a Date, not text: pass new Date(text)";
  }
  if (isDate(value)) return "must not be a Date";
  if (depth > MAX_DEPTH) return tooDeep;
  return value === undefined ? undefined : scalarProblem(value);
}

function jsonProblem(value: unknown, depth: number): string | undefined {
  if (value === undefined && depth === 0) return undefined;
  if (typeof value !== "object" || value === null) return scalarProblem(value);
  if (depth >= MAX_DEPTH) return tooDeep;
  if (Array.isArray(value) || isPlainObject(value)) return undefined;
  return "must be plain JSON, not an instance of a class";
}

const tooDeep = `must nest at most ${MAX_DEPTH} deep`;

function scalarProblem(value: unknown): string | undefined {
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "must be a finite number: JSON has no NaN and no Infinity";
  }
  return ["string", "boolean", "object"].includes(typeof value) ? undefined : `must be JSON, not ${typeof value}`;
}
