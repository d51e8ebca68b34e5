import type { Shot } from "./arbitrary/shots.ts";

/** A defect of a response, and the smallest shot that reproduced it. */
export interface Finding {
  where: string;
  request: string;
  problem: string;
  shot: Shot;
  received: Uint8Array;
  /** How often it occurred, and for which operations. */
  times: number;
  readonly operations: Set<string>;
}

/** How many findings are kept in full: one bug can cause thousands. */
const KEPT = 30;

/** Findings, one of each kind. */
export class Findings {
  readonly #kept = new Map<string, Finding>();
  #count = 0;

  /** Returns the kind of the problem: its text without the parts that vary. */
  add(shot: Shot, index: number, problem: string, received: Uint8Array): string {
    this.#count++;
    const { method, operation, kind: request = "?" } = shot.requests[index] ?? {};
    const where = `${method ?? "?"} ${operation?.path ?? ""}`;
    const kind = problem.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, "#").slice(0, 100);
    const seen = { where, request, problem, shot, received };
    const known = this.#kept.get(kind);
    if (known === undefined) {
      if (this.#kept.size < KEPT) this.#kept.set(kind, { ...seen, times: 1, operations: new Set([where]) });
      return kind;
    }
    known.times++;
    known.operations.add(where);
    if (shot.bytes.length < known.shot.bytes.length) Object.assign(known, seen);
    return kind;
  }

  /** Whether it occurred once only, and is kept. */
  isNew(kind: string): boolean {
    return this.#kept.get(kind)?.times === 1;
  }

  get count(): number {
    return this.#count;
  }

  get kept(): readonly Finding[] {
    return [...this.#kept.values()];
  }
}

/** A finding for people, with the bytes as input of `printf '%b'`: pipe it to `nc`. */
export function describeFinding(finding: Finding): string {
  const { where, request, problem, shot, received, times, operations } = finding;
  const { bytes, cuts } = shot;
  const pieces = cuts.length === 0 ? [] : [`  sent in pieces that begin at ${cuts.join(", ")}`];
  return [
    `${where} (${request}): ${problem}`,
    `  ${times} times, for ${[...operations].sort().join(", ")}`,
    `  printf '%b' '${escapeBytes(bytes)}' | nc 127.0.0.1 8000`,
    ...pieces,
    `  response: ${JSON.stringify(Buffer.from(received).toString("utf8").slice(0, 1_000))}`,
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
