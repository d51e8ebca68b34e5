import { hash } from "node:crypto";
import { isDate } from "./fields/realms.ts";

/** Matches every version: the row only has to exist. */
const ANY_VERSION = "*";

/**
 * The version of a row: a digest of its DTO, the same in-process and over HTTP (where it is the `ETag`). It changes whenever any
 * writer changes a field, and needs no column (docs/decisions.md). It ignores what a DTO does not contain: the microseconds of an
 * instant, and the digits of a JSON number beyond those of a double.
 *
 * @param row a DTO as returned by a service, its fields in that order
 * @returns 128 bits of SHA-256 as 32 hexadecimal digits
 */
export function versionOf(row: object): string {
  let text = "";
  for (const value of Object.values(row)) text += `${pieceOf(value)},`;
  return hash("sha256", text).slice(0, 32);
}

/** Encodes a value with its type, without commas outside quotes and brackets, so that one can end it. */
export function pieceOf(value: unknown): string {
  if (isDate(value)) return `@${value.getTime()}`;
  // As JSON, which escapes unpaired surrogates: in UTF-8 they would all be the same.
  return typeof value === "string" || typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether `row` has the requested version, or one of the requested versions. */
export function hasVersion(row: object, ifVersion: string | readonly string[]): boolean {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  return versions.includes(ANY_VERSION) || versions.includes(versionOf(row));
}
