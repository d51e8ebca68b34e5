/** Stands for every version: the row must exist. */
const ANY_VERSION = "*";

/**
 * The version of a row: a digest of what it says, the same wherever and by whomever the row was read, in-process and over
 * HTTP (there it is the `ETag`). It changes when a field does, whoever wrote it, and needs no column (docs/decisions.md).
 *
 * @param row a DTO as a service answered it, its fields in that order
 */
export function versionOf(row: object): string {
  const digest = new Digest();
  for (const value of Object.values(row)) {
    if (typeof value === "string") digest.add(1, value);
    else if (value instanceof Date) digest.add(2, String(value.getTime()));
    else digest.add(3, JSON.stringify(value) ?? "");
  }
  return digest.toString();
}

/** Whether `row` has the version, or one of the versions, that a caller asks for. */
export function hasVersion(row: object, ifVersion: string | readonly string[]): boolean {
  const versions = typeof ifVersion === "string" ? [ifVersion] : ifVersion;
  return versions.includes(ANY_VERSION) || versions.includes(versionOf(row));
}

/**
 * 64 bits over typed pieces of text: cyrb53 (bryc, public domain) with all of its two lanes. It tells rows apart, and keeps
 * no secret; a cryptographic digest cost a tenth of a request for a row.
 */
class Digest {
  #first = 0xdeadbeef;
  #second = 0x41c6ce57;

  /** With its type and its length, so that no two lists of pieces say the same. */
  add(type: number, text: string): void {
    let first = this.#first ^ type;
    let second = this.#second ^ text.length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      first = Math.imul(first ^ code, 2_654_435_761);
      second = Math.imul(second ^ code, 1_597_334_677);
    }
    this.#first = mixed(first, second);
    this.#second = mixed(second, first);
  }

  toString(): string {
    return hex(this.#first) + hex(this.#second);
  }
}

/** Lets every bit of both lanes reach every bit of the one. */
function mixed(lane: number, other: number): number {
  return Math.imul(lane ^ (lane >>> 16), 2_246_822_507) ^ Math.imul(other ^ (other >>> 13), 3_266_489_909);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
