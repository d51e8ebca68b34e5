import { hash } from "node:crypto";

/** Stands for every version: the row must exist. */
const ANY_VERSION = "*";

/**
 * The version of a row: a digest of what its DTO says, the same wherever and by whomever the row was read, in-process and
 * over HTTP (there it is the `ETag`). It changes when a field does, whoever wrote it, and needs no column
 * (docs/decisions.md). What a DTO does not say it does not see: the microseconds of an instant, and the digits of a JSON
 * number beyond those that a double has.
 *
 * @param row a DTO as a service returned it, its fields in that order
 * @returns 128 bits of SHA-256 as 32 hexadecimal digits
 */
export function versionOf(row: object): string {
  let text = "";
  for (const value of Object.values(row)) text += `${pieceOf(value)},`;
  return hash("sha256", text).slice(0, 32);
}

/** The piece that says a value and its type. A comma ends it, since it has none but within quotes or brackets. */
export function pieceOf(value: unknown): string {
  if (value instanceof Date) return `@${value.getTime()}`;
  // Text as JSON, for an unpaired surrogate to stay itself when the digest reads UTF-8.
  return typeof value === "string" || typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Whether `row` has the version, or one of the versions, that a caller asks for. */
export function hasVersion(row: object, ifVersion: string | readonly string[]): boolean {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  return versions.includes(ANY_VERSION) || versions.includes(versionOf(row));
}
