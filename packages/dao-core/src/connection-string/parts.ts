import { invalidUrl } from "./parameters.ts";

const URI = /^postgres(?:ql)?(?:\+[a-z0-9]+)?:\/\//;

/** User and password end at an `@`; at the last one, if several are before the host's end. */
const CREDENTIALS = /^([^/@]*(?:@[^/?@]*(?=@))*)@/;

/** A password that goes on after an `@` with a host, its port and a comma: libpq's URIs name the user once for all hosts. */
const HOST_WITHIN = /@[^@]*:\d{1,5},/;

/** In a list of keywords and values: a keyword, and a value that may be in single quotes; `\` escapes. */
const KEYWORD = /\s*([a-z][a-z0-9_]*)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/sy;

/**
 * The parts of a connection string by libpq's names, `host` and `port` as lists with commas. It takes libpq's two forms, a URI and
 * `host=… dbname=…`, and SQLAlchemy's `postgresql+asyncpg://`. Returns `undefined` for anything else.
 *
 * Source: PostgreSQL manual, 34.1.1, "Connection Strings". More lenient than libpq, a password may have an `@`, and a parameter's
 * value an `=`, that is not encoded.
 * @throws ValidationError for a malformed one, never with a part of it
 */
export function partsOf(text: string): Map<string, string> | undefined {
  const [scheme] = URI.exec(text) ?? [];
  // A file of a secret often ends with a line break.
  if (scheme !== undefined) return partsOfUri(text.slice(scheme.length).trimEnd());
  return /^\s*[a-z][a-z0-9_]*\s*=/.test(text) ? partsOfList(text.trimEnd()) : undefined;
}

function partsOfUri(text: string): Map<string, string> {
  const credentials = CREDENTIALS.exec(text);
  const [user = "", password = ""] = splitOnce(credentials?.[1] ?? "", ":");
  if (HOST_WITHIN.test(password))
    throw invalidUrl("must have user and password once, before the first host; encode @ in a password as %40");
  const rest = text.slice(credentials?.[0].length ?? 0);
  const [address = "", query = ""] = splitOnce(rest, "?");
  const [hosts = "", database = ""] = splitOnce(address, "/");
  if (database.includes("@"))
    throw invalidUrl("must encode / in user and password as %2F, and @ in the database as %40");
  // libpq takes it for the database's name, and sslmode would be passed over.
  if (/[&;].*=/s.test(database))
    throw invalidUrl("must have a ? before its parameters; encode & and ; in the database");
  const servers = hosts.split(",").map((server) => {
    const [, host = "", port = ""] = /^(\[[^\]]*\](?=:|$)|[^:[\]]*)(?::(.*))?$/s.exec(server) ?? ["", "", "?"];
    return { host: host.replace(/^\[(.*)\]$/s, "$1"), port };
  });
  const listed = (name: "host" | "port") => servers.map((server) => server[name]).join(",");
  const parts = { user, password, host: listed("host"), port: listed("port"), dbname: database };
  const given = Object.entries(parts).filter(([, part]) => part !== "");
  const parameters = query === "" ? [] : query.split("&").map((parameter) => splitOnce(parameter, "="));
  const inQuery = new Map<string, string>();
  for (const [name = "", value] of parameters) {
    if (value === undefined) throw invalidUrl("must have parameters of the form ?name=value&name=value");
    setOnce(inQuery, decoded(name), decoded(value));
  }
  return new Map([...given.map(([name, value]) => [name, decoded(value)] as const), ...inQuery]);
}

/** Stricter than libpq, where the last one counts: sslmode=verify-full would be passed over. */
function setOnce(parts: Map<string, string>, name: string, value: string): void {
  if (parts.has(name) && parts.get(name) !== value)
    throw invalidUrl("must not have a parameter twice, with two values");
  parts.set(name, value);
}

function partsOfList(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  KEYWORD.lastIndex = 0;
  while (KEYWORD.lastIndex < text.length) {
    const [, keyword = "", quoted, bare = ""] = KEYWORD.exec(text) ?? [];
    if (keyword === "")
      throw invalidUrl("must be keyword=value pairs with a space between; a value with spaces, in 'quotes'");
    setOnce(parts, keyword, (quoted ?? bare).replace(/\\(.)/gs, "$1"));
  }
  return parts;
}

/** @returns one text if there is no separator */
function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(part: string): string {
  try {
    const text = decodeURIComponent(part);
    if (!text.includes("\0")) return text;
  } catch {
    // Said below.
  }
  throw invalidUrl("must encode every % in user, password, database and parameters as %25, and cannot have %00");
}
