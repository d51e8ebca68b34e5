/** Path and query of a request's target, which a proxy may send with scheme and host before it. */
export function splitTarget(target: string): [path: string, query: string] {
  const local = target.startsWith("/") ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, "");
  const mark = local.indexOf("?");
  const path = mark === -1 ? local : local.slice(0, mark);
  // An authority alone stands for its root (RFC 9112, 3.2.2).
  return [path === "" ? "/" : path, mark === -1 ? "" : local.slice(mark + 1)];
}
