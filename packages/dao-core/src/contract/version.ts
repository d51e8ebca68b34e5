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

/** Text that JSON only puts between quotation marks, which is then faster done here. */
const plain = /^[ !#-[\]-\ud7ff\ue000-\uffff]{0,128}$/;

/** Encodes a value with its type, without commas outside quotes and brackets, so that one can end it. */
export function pieceOf(value: unknown): string {
  // As JSON, which escapes unpaired surrogates: in UTF-8 they would all be the same.
  if (typeof value === "string") return plain.test(value) ? `"${value}"` : JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(value);
  return isDate(value) ? `@${value.getTime()}` : JSON.stringify(value);
}

/** Whether `row` has the requested version, or one of the requested versions. */
export function hasVersion(row: object, ifVersion: string | readonly string[]): boolean {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  return versions.includes(ANY_VERSION) || versions.includes(versionOf(row));
}
