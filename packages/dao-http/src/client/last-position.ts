import { LATEST, POSITION_PATTERN } from "../wire/position.ts";

/** The position of a client's writes, which its reads must see also where a standby serves them. */
export class LastPosition {
  /** The latest of all that were received. */
  #known = "";
  /** Whether a write may have taken effect whose position was not received. */
  #isUnknown = false;
  /** Writes so far of which that is not known. */
  failures = 0;

  /** What the next read must see, and at least `position`; `undefined` for nothing. */
  required(position = ""): string | undefined {
    if (this.#isUnknown) return LATEST;
    return (position > this.#known ? position : this.#known) || undefined;
  }

  note(position: string | undefined): void {
    if (position === undefined || !POSITION_PATTERN.test(position)) return;
    if (position === LATEST) this.writeFailed();
    else if (position > this.#known) this.#known = position;
  }

  writeFailed(): void {
    this.#isUnknown = true;
    this.failures++;
  }

  /**
   * After a read of the latest the position is known again; without one in its response, the service has no standby. Changes have
   * one too, so that the reads of their rows see them.
   * @param failures when the read was sent
   */
  wasRead(required: string | undefined, position: string | undefined, failures: number): void {
    if (required === LATEST && this.failures === failures) this.#isUnknown = false;
    this.note(position);
  }
}
