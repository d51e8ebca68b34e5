import type { Shot } from "./shots.ts";

/** Something that is wrong with an answer, and all that it takes to see it again. */
export interface Finding {
  readonly where: string;
  readonly kind: string;
  readonly problem: string;
  readonly sent: Uint8Array;
  /** Where it was cut into pieces. */
  readonly cuts: readonly number[];
  readonly received: Uint8Array;
  /** How often it was seen, and for which operations. */
  times: number;
  readonly operations: Set<string>;
}

/** How many findings are kept in full: one bug can make thousands. */
const KEPT = 30;

/** Findings, each kind of them once. */
export class Findings {
  readonly #kept = new Map<string, Finding>();
  #count = 0;

  add(shot: Shot, index: number, problem: string, received: Uint8Array): void {
    this.#count++;
    const request = shot.requests[index];
    const where = request === undefined ? "?" : `${request.method} ${request.operation.path}`;
    const kind = request?.kind ?? "?";
    // Without what is different every time.
    const key = problem.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, "#").slice(0, 100);
    const known = this.#kept.get(key);
    if (known !== undefined) {
      known.times++;
      known.operations.add(where);
    } else if (this.#kept.size < KEPT) {
      const { bytes: sent, cuts } = shot;
      this.#kept.set(key, { where, kind, problem, sent, cuts, received, times: 1, operations: new Set([where]) });
    }
  }

  get count(): number {
    return this.#count;
  }

  get kept(): readonly Finding[] {
    return [...this.#kept.values()];
  }
}

/** A finding for a person, with the bytes as `printf '%b'` takes them: pipe it to `nc`. */
export function describeFinding(finding: Finding): string {
  const { where, kind, problem, sent, cuts, received, times, operations } = finding;
  const pieces = cuts.length === 0 ? [] : [`  sent in pieces that begin at ${cuts.join(", ")}`];
  return [
    `${where} (${kind}): ${problem}`,
    `  ${times} times, for ${[...operations].sort().join(", ")}`,
    `  printf '%b' '${escapeBytes(sent)}' | nc 127.0.0.1 8000`,
    ...pieces,
    `  was answered: ${JSON.stringify(Buffer.from(received).toString("utf8").slice(0, 1_000))}`,
  ].join("\n");
}

function escapeBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte === 0x0d) text += "\\r";
    else if (byte === 0x0a) text += "\\n";
    else if (byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c)
      text += `\\0${byte.toString(8).padStart(3, "0")}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}
