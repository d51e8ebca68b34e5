/**
 * Bytes that come in pieces, put together as they come. Kept in a list, each piece would hold the packet that it came in: a
 * sender of chunks of a byte each would have a body of 1 MB take 100 MB.
 */
export class CollectedBytes {
  #bytes: Uint8Array = new Uint8Array();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    // One piece is the rule, and needs no copy. It has no room, so what follows never writes into it.
    if (this.#length === 0) this.#bytes = piece;
    else {
      if (length > this.#bytes.length) {
        const larger = new Uint8Array(2 * length);
        larger.set(this.#bytes);
        this.#bytes = larger;
      }
      this.#bytes.set(piece, this.#length);
    }
    this.#length = length;
  }

  /** All of them; the next piece begins again. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array();
    this.#length = 0;
    return bytes;
  }
}
