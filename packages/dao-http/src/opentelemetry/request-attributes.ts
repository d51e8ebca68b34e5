import type { InstrumentedRequest } from "@flux/dao-core";
import type { Attributes } from "@opentelemetry/api";
import { operations } from "../api/operations.gen.ts";
import { splitTarget } from "../http/http-message.ts";

/** The methods of the conventions. */
const methods = /^(?:CONNECT|DELETE|GET|HEAD|OPTIONS|PATCH|POST|PUT|QUERY|TRACE)$/;

/** What is known of a request before it is handled. */
export interface RequestAttributes {
  /** The beginning of the span's name. */
  readonly method: string;
  /** With few values each. */
  readonly ofMetric: Attributes;
  readonly ofSpan: Attributes;
}

export function requestAttributes(request: InstrumentedRequest): RequestAttributes {
  const { method, target, protocolVersion } = request;
  const isKnown = methods.test(method);
  const ofMetric = {
    "http.request.method": isKnown ? method : "_OTHER",
    "url.scheme": schemeOf(request),
    ...(protocolVersion !== undefined && { "network.protocol.version": protocolVersion }),
  };
  const [path] = splitTarget(target);
  const ofSpan = { ...ofMetric, "url.path": shownPath(path), ...hostAttributes(request) };
  return { method: isKnown ? method : "HTTP", ofMetric, ofSpan };
}

/** The words of the API's own paths. Other segments are ids, or anything else that a caller wrote. */
const words: ReadonlySet<string> = new Set(
  [...Object.values(operations).map(({ path }) => path), "/health", "/ready", "/docs", "/redoc", "/openapi.json"]
    .flatMap((path) => path.split("/"))
    .filter((segment) => !segment.startsWith("{")),
);

/** A path for a span: the conventions' word stands for each segment that is not a word of the API. */
function shownPath(path: string): string {
  return path
    .split("/")
    .map((segment) => (words.has(segment) ? segment : "REDACTED"))
    .join("/");
}

/** The caller's scheme, before any proxy. */
function schemeOf(request: InstrumentedRequest): string {
  const forwarded = request.header("x-forwarded-proto");
  return forwarded === "http" || forwarded === "https" ? forwarded : (request.scheme ?? "http");
}

/** The requested host; nothing if the header has no host name. */
function hostAttributes(request: InstrumentedRequest): Attributes {
  const host = request.header("x-forwarded-host") ?? request.header("host");
  const [, name, ipv6, port] = /^(?:([\w.-]{1,253})|\[([0-9a-f:.]{2,45})\])(?::(\d{1,5}))?$/i.exec(host ?? "") ?? [];
  const address = name ?? ipv6;
  return address === undefined
    ? {}
    : { "server.address": address, ...(port !== undefined && { "server.port": Number(port) }) };
}
