/** Results that are thrown away at the start, until every bit of the seed has reached every bit of the state. */
const WARM_UP = 15;

/**
 * Numbers that look random and are the same for the same seed: sfc32, whose state of 128 bits is enough for ids, which the
 * 32 bits of shorter generators are not.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param stream another one gives other numbers for the same seed; both are whole numbers below 2³² */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0;
    for (let round = 0; round < WARM_UP; round++) this.word();
  }

  /** A whole number below 2³². */
  word(): number {
    const word = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) | 0;
    return word >>> 0;
  }

  /** A whole number of `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor((this.word() / 2 ** 32) * (to - from + 1));
  }

  /** True in `probability` of all cases. */
  chance(probability: number): boolean {
    return this.word() / 2 ** 32 < probability;
  }

  /** One of `list`, which is not empty. */
  oneOf<List extends readonly [unknown, ...unknown[]]>(list: List): List[number] {
    return list[this.between(0, list.length - 1)] ?? list[0];
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.word() >>> 24);
  }
}
