import { hash, timingSafeEqual } from "node:crypto";
import { HttpError } from "./http-error.ts";

/** The header that carries the caller's key (guide, "Authentication"), in lower case. */
export const SERVICE_KEY_HEADER = "x-flux-service-key";

/** A key that callers may use, and whose it is. Several keys may have one name, so that a key can be replaced. */
export interface ServiceKey {
  /** Stands in the log, where the key never does. */
  readonly name: string;
  readonly key: string;
}

/** What a header can carry without loss: printable ASCII, no space. */
const possibleKey = /^[\x21-\x7e]{1,200}$/;

/** The rule that {@link isPossibleKey} holds a key to, in words. */
export const KEY_RULE = "1 to 200 printable ASCII characters without a space";

/** Whether callers could send this as their key: any other would let nobody in, and an empty one everybody. */
export function isPossibleKey(key: unknown): key is string {
  return typeof key === "string" && possibleKey.test(key);
}

/** Tells whose a key is. Holds digests only. */
export class ServiceKeys {
  readonly #digests: readonly { readonly name: string; readonly digest: Uint8Array }[];

  /** @throws TypeError without a key, and for one that no caller could send; it never shows a key */
  constructor(keys: readonly ServiceKey[]) {
    if (keys.length === 0) throw new TypeError("The service needs at least one service key.");
    for (const { name, key } of keys) {
      if (!isPossibleKey(key)) throw new TypeError(`The service key of ${name} must be ${KEY_RULE}.`);
    }
    this.#digests = keys.map(({ name, key }) => ({ name, digest: digestOf(key) }));
  }

  /**
   * The name of the caller that has this key. Takes the same time for every key, right or wrong: digests of equal
   * length are compared whole, and always all of them.
   * @throws HttpError `invalid_service_key`
   */
  identify(key: string | undefined): string {
    const digest = digestOf(key ?? "");
    let caller: string | undefined;
    for (const known of this.#digests) {
      if (timingSafeEqual(known.digest, digest)) caller = known.name;
    }
    if (caller !== undefined && key !== undefined) return caller;
    throw new HttpError(
      "invalid_service_key",
      key === undefined || key === ""
        ? "The header X-Flux-Service-Key is missing. Send one of the service's keys in it."
        : "The header X-Flux-Service-Key does not hold one of the service's keys.",
    );
  }
}

function digestOf(key: string): Uint8Array {
  return hash("sha256", key, "buffer");
}
