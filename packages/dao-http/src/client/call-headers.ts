import type { CreateOptions, WriteOptions } from "@flux/dao-core/contract";
import { ValidationError } from "@flux/dao-core/errors";
import { type Operation, takesIdempotencyKey } from "../api/operation.ts";

/** The options that any call may have. */
export type ClientOptions = CreateOptions & WriteOptions & { readonly idempotencyKey?: string | undefined };

const visibleAscii = /^[\x21-\x7e]{1,255}$/;

/**
 * The headers that stand for a call's options.
 * @throws ValidationError for what no header can carry
 */
export function headersOf(options: ClientOptions, operation: Operation): Record<string, string> {
  if (takesIdempotencyKey(operation)) return headersOfPost(options);
  const { method, row } = operation;
  const { ifVersion } = options;
  return row === undefined || method === "GET" || ifVersion === undefined ? {} : { "if-match": tagList(ifVersion) };
}

function headersOfPost({ id, idempotencyKey }: ClientOptions): Record<string, string> {
  if (id !== undefined) {
    throw new ValidationError([
      { path: "id", message: "cannot be chosen over HTTP; send an idempotencyKey, so that the row is created once" },
    ]);
  }
  if (idempotencyKey === undefined) return {};
  if (typeof idempotencyKey !== "string" || !visibleAscii.test(idempotencyKey)) {
    throw new ValidationError([{ path: "idempotencyKey", message: "must be 1 to 255 visible ASCII characters" }]);
  }
  return { "idempotency-key": `"${idempotencyKey.replace(/["\\]/g, "\\$&")}"` };
}

const sendable = /^[\x21\x23-\x7e]+$/;

/** As `If-Match` has them. What is no entity-tag is no row's version either: it is left out. */
function tagList(ifVersion: string | readonly string[]): string {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  if (versions.includes("*")) return "*";
  const tags = versions.filter((version) => sendable.test(version)).map((version) => `"${version}"`);
  // An empty tag is no row's: a list of none matches none.
  return tags.length === 0 ? '""' : tags.join(", ");
}
