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

/** Tells whose a key is. Holds digests only. */
export class ServiceKeys {
  readonly #digests: readonly { readonly name: string; readonly digest: Uint8Array }[];

  /** @throws TypeError without a key: such a service could never be called */
  constructor(keys: readonly ServiceKey[]) {
    if (keys.length === 0) throw new TypeError("The service needs at least one service key.");
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
