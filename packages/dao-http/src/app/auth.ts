import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { HttpRequest } from "../http/http-message.ts";
import { HttpError } from "../http/problem.ts";

/** A key and the name of its caller. Several keys may have one name, so that a key can be replaced. */
export interface ServiceKey {
  /** Appears in the log; the key itself is never logged. Idempotency keys are scoped to the name. */
  readonly name: string;
  readonly key: string;
  /** The only PostgreSQL schema that the key gives access to. Default: that of the app's session. */
  readonly schema?: string | undefined;
}

/** The guide's development keys, named after the agents that use them. */
export const DEVELOPMENT_KEYS: readonly ServiceKey[] = [
  { name: "goal-planner", key: "goal-planner-key-abc" },
  { name: "scheduler", key: "scheduler-key-def" },
  { name: "observer", key: "observer-key-ghi" },
];

const publicKeys: ReadonlySet<string> = new Set([
  ...DEVELOPMENT_KEYS.map(({ key }) => key),
  // The former default of compose.yaml.
  "development-key-not-secret",
]);

export const isPublicKey = (key: string): boolean => publicKeys.has(key);

/** The header with the caller's key (guide, "Authentication"), in lower case. */
const SERVICE_KEY_HEADER = "x-flux-service-key";

const MAX_KEY_LENGTH = 200;

/** What a header can carry unchanged: printable ASCII, no space. */
const possibleKey = new RegExp(`^[\\x21-\\x7e]{1,${MAX_KEY_LENGTH}}$`);

export const KEY_RULE = "1 to 200 printable ASCII characters without a space";

/** Whether callers can send this key: others would admit no one, or, if empty, everyone. */
export function isPossibleKey(key: unknown): key is string {
  return typeof key === "string" && possibleKey.test(key);
}

/** Who sent a request. */
export interface Caller {
  readonly name: string;
  readonly schema: string | undefined;
}

/** Whose a key is: of all callers in the schema that it is bound to, or of its name. */
export const tenantOf = ({ name, schema }: Pick<ServiceKey, "name" | "schema">): string =>
  schema === undefined ? `name ${name}` : `schema ${schema}`;

interface KnownKey extends Caller {
  readonly padded: Uint8Array;
  readonly isPublic: boolean;
}

/**
 * Finds out whose key a request has. Compares the whole sent key, padded, and with every key, so that timing reveals nothing.
 * @throws TypeError without a key, and for a key that no caller could send; the message never contains a key
 */
export function callerIdentification(keys: readonly ServiceKey[]) {
  if (keys.length === 0) throw new TypeError("The service needs at least one service key.");
  const allKnown = keys.map(({ name, key, schema }): KnownKey => {
    if (!isPossibleKey(key)) throw new TypeError(`The service key of ${name} must be ${KEY_RULE}.`);
    return { name, schema, padded: padKey(key), isPublic: isPublicKey(key) };
  });
  const buffer = Buffer.alloc(MAX_KEY_LENGTH + 1);
  /** @throws HttpError `invalid_service_key` */
  return (request: HttpRequest): Caller => {
    const key = request.header(SERVICE_KEY_HEADER);
    const sent = padKey(key ?? "", buffer);
    let caller: KnownKey | undefined;
    for (const known of allKnown) {
      if (timingSafeEqual(known.padded, sent)) caller = known;
    }
    if (key === undefined || key === "") throw invalidKey("is missing. Send one of the service's keys in it.");
    if (caller === undefined) throw invalidKey("does not hold one of the service's keys.");
    if (caller.isPublic && !isFromThisMachine(request)) {
      throw invalidKey(
        "holds a development key, which opens only to Host and Origin localhost, 127.0.0.1 or [::1]. " +
          "Set keys of your own in SERVICE_API_KEYS.",
      );
    }
    return caller;
  };
}

function invalidKey(problem: string): HttpError {
  return new HttpError("invalid_service_key", `The header X-Flux-Service-Key ${problem}`);
}

/** Padded with zeros, which no key contains. A key that is too long fills the buffer, and so matches none. */
function padKey(key: string, padded = Buffer.alloc(MAX_KEY_LENGTH + 1)): Uint8Array {
  padded.fill(0, padded.write(key, "latin1"));
  return padded;
}

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])(?::\d*)?$/i;

/** Whether a request comes from this machine, and not from another site's page: with DNS rebinding the headers name that site. */
function isFromThisMachine(request: HttpRequest): boolean {
  const origin = request.header("origin")?.replace(/^https?:\/\//i, "");
  const forwarded = request.header("x-forwarded-host")?.split(",") ?? [];
  return [request.header("host"), origin, ...forwarded].every(
    (host) => host === undefined || loopbackHost.test(host.trim()),
  );
}
