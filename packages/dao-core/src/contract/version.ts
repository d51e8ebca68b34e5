import { hash } from "node:crypto";

/** Stands for every version: the row must exist. */
const ANY_VERSION = "*";

/** Characters of a version: 132 bits of a SHA-256 digest. */
const LENGTH = 22;

/**
 * The version of a row: a digest of what it says, the same wherever and by whomever the row was read, in-process and over
 * HTTP (there it is the `ETag`). It changes when a field does, whoever wrote it, and needs no column (docs/decisions.md).
 *
 * @param row a DTO as a service answered it
 */
export function versionOf(row: object): string {
  let text = "";
  for (const [name, value] of Object.entries(row)) text += `${name} ${textOf(value)}\n`;
  return hash("sha256", text, "base64url").slice(0, LENGTH);
}

/** A field's value: text with its length before it, so that no two rows have the same text. */
function textOf(value: unknown): string {
  if (typeof value === "string") return `${value.length} ${value}`;
  if (value instanceof Date) return String(value.getTime());
  // Four times as slow, so for JSON columns alone.
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Whether `row` has the version, or one of the versions, that a caller asks for. */
export function hasVersion(row: object, ifVersion: string | readonly string[]): boolean {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  return versions.includes(ANY_VERSION) || versions.includes(versionOf(row));
}
