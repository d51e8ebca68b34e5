import type { HttpRequest } from "../http/http-message.ts";

/** A key that callers may use, and whose it is. Several keys may have one name, so that a key can be replaced. */
export interface ServiceKey {
  /** Stands in the log, where the key never does. Idempotency keys belong to it. */
  readonly name: string;
  readonly key: string;
}

/** The guide's keys for development, with the names of the agents that they are meant for. */
export const DEVELOPMENT_KEYS: readonly ServiceKey[] = [
  { name: "goal-planner", key: "goal-planner-key-abc" },
  { name: "scheduler", key: "scheduler-key-def" },
  { name: "observer", key: "observer-key-ghi" },
];

const publicKeys: ReadonlySet<string> = new Set([
  ...DEVELOPMENT_KEYS.map(({ key }) => key),
  // Was the default of compose.yaml.
  "development-key-not-secret",
]);

/** Whether everyone knows this key, because it stands in the documentation. */
export function isPublicKey(key: string): boolean {
  return publicKeys.has(key);
}

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])(?::\d*)?$/i;

/**
 * Whether a request was made on this machine, and by no page of another site: the `Host` and, where a browser sends one, the
 * `Origin` are loopback. A site whose name is made to lead here (DNS rebinding) still has its own name in both.
 */
export function isFromThisMachine(request: HttpRequest): boolean {
  const host = request.header("host");
  const origin = request.header("origin");
  const isLocal = host === undefined || loopbackHost.test(host);
  return isLocal && (origin === undefined || loopbackHost.test(origin.replace(/^https?:\/\//i, "")));
}
