import type { SqlParameter } from "../../session/driver.ts";

/** A statement split at its parameters: the text between them, and their values. */
export interface PositionalParameters {
  readonly parts: readonly string[];
  readonly values: readonly SqlParameter[];
}

/** For clients that number parameters themselves, by where they stand: `$2` may come before `$1`, and twice. */
export function positionalParameters(text: string, values: readonly SqlParameter[]): PositionalParameters {
  const numbers = [...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number));
  return { parts: text.split(/\$\d+/), values: numbers.map((number) => values[number - 1] ?? null) };
}
