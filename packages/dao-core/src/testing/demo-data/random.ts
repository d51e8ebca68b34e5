import { v7 as uuidv7 } from "uuid";

/** Initial results to discard, until every bit of the seed has affected every bit of the state. */
const WARM_UP = 15;

/**
 * A seeded random number generator: sfc32, whose 128 bits of state are enough for ids, unlike the 32 bits of smaller
 * generators.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param stream gives different numbers for the same seed; both are integers below 2³² */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0;
    for (let round = 0; round < WARM_UP; round++) this.word();
  }

  /** Returns an integer below 2³². */
  word(): number {
    const word = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + word) | 0;
    return word >>> 0;
  }

  /** Returns a number from 0 to 1, which is excluded. */
  fraction(): number {
    return this.word() / 2 ** 32;
  }

  /** Returns an integer from 0 to `end`, which is excluded. */
  below(end: number): number {
    return Math.floor(this.fraction() * end);
  }

  /** Returns an integer from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** Returns `true` with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** Returns an item of `list`. */
  oneOf<List extends readonly [unknown, ...unknown[]]>(list: List): List[number] {
    return list[this.below(list.length)] ?? list[0];
  }

  /** Returns a UUIDv7 of this instant, in milliseconds since 1970. */
  id(instant: number): string {
    return uuidv7({ msecs: instant, random: this.bytes(16) });
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.word() >>> 24);
  }
}
