import type { HttpRequest } from "../http/http-message.ts";

/** A key and the name of its caller. Several keys may have one name, so that a key can be replaced. */
export interface ServiceKey {
  /** Appears in the log, where the key never does. Idempotency keys belong to it. */
  readonly name: string;
  readonly key: string;
}

/** The guide's development keys, with the names of the agents they are meant for. */
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

/** Whether this key is publicly known, since it is in the documentation. */
export function isPublicKey(key: string): boolean {
  return publicKeys.has(key);
}

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])(?::\d*)?$/i;

/**
 * Whether a request was made on this machine, and not by a page of another site: `Host`, a proxy's `X-Forwarded-Host` and a
 * browser's `Origin` are loopback addresses. With DNS rebinding they still contain the name of the other site.
 */
export function isFromThisMachine(request: HttpRequest): boolean {
  const origin = request.header("origin")?.replace(/^https?:\/\//i, "");
  const forwarded = request.header("x-forwarded-host")?.split(",") ?? [];
  return [request.header("host"), origin, ...forwarded].every(
    (host) => host === undefined || loopbackHost.test(host.trim()),
  );
}
