import type { Random } from "../random.ts";
import type { OpenApiDocument, Operation } from "../rest/openapi-document.ts";
import {
  brokenEncoding,
  brokenJson,
  brokenMediaType,
  compressedBody,
  keyOnLines,
  largeBody,
  longLines,
  openBody,
} from "./broken-body.ts";
import { brokenChunks, brokenLength, oddChunks, otherLength } from "./broken-framing.ts";
import {
  type Break,
  brokenHead,
  brokenKey,
  brokenMethod,
  brokenPath,
  brokenQuery,
  doubleHeader,
  refusedPast,
} from "./broken-head.ts";
import type { Sent } from "./exchange.ts";
import { bytesOf, type FuzzRequest, withHeaders } from "./request.ts";
import type { RequestMaker } from "./request-maker.ts";
import { respell } from "./respelling.ts";
import { pick } from "./text.ts";

/** What goes over one connection: requests, and the bytes that they are. */
export interface Shot extends Sent {
  /** One answer is expected for each. */
  readonly requests: readonly FuzzRequest[];
}

const BREAKS: Readonly<Record<string, Break>> = {
  key: brokenKey,
  path: brokenPath,
  query: brokenQuery,
  head: brokenHead,
  "double header": doubleHeader,
  "media type": brokenMediaType,
  encoding: brokenEncoding,
  compression: compressedBody,
  JSON: brokenJson,
  "large body": largeBody,
  "long lines": longLines,
  "key on lines": keyOnLines,
  "open body": openBody,
  length: brokenLength,
  "other length": otherLength,
  chunks: brokenChunks,
  "odd chunks": oddChunks,
};

/** Bytes of a body that may be sent in chunks of a few bytes. */
const FINE = 4_096;

/** How many requests are sent at once at most, without waiting for answers. */
const PIPELINE = 5;

/** Makes what is sent, over and over, for the operations of a document. */
export class Shots {
  readonly #random: Random;
  readonly #maker: RequestMaker;
  readonly #operations: readonly Operation[];
  readonly #methodsOf: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(random: Random, document: OpenApiDocument, operations: readonly Operation[], maker: RequestMaker) {
    this.#random = random;
    this.#maker = maker;
    this.#operations = operations;
    this.#methodsOf = new Map(
      Object.entries(document.paths).map(([path, methods]) => [
        path,
        new Set(Object.keys(methods).map((method) => method.toUpperCase())),
      ]),
    );
  }

  /** A request that is right, so that there are rows. */
  first(operation: Operation): Shot {
    return this.#shoot([this.#maker.make(operation, false)]);
  }

  next(): Shot {
    const dice = this.#random.next();
    if (dice < 0.3) return this.#shoot([respell(this.#random, this.#maker.make(this.#pick(), false))]);
    if (dice < 0.6) return this.#shoot([respell(this.#random, this.#maker.make(this.#pick(), true))]);
    if (dice < 0.9) return this.#shoot([this.#broken()]);
    if (dice < 0.95) return this.#shoot(this.#pipeline());
    return this.#truncated();
  }

  /** Those that delete less often, since a user takes all that is theirs along. */
  #pick(): Operation {
    const operation = pick(this.#random, this.#operations);
    return operation.method === "DELETE" && this.#random.chance(0.7) ? this.#pick() : operation;
  }

  #broken(): FuzzRequest {
    const random = this.#random;
    const request = this.#maker.make(this.#pick(), false);
    // The rules that are broken otherwise are what is expected of a request that is right.
    if (request.expectation.is !== "taken") return request;
    const methods = this.#methodsOf.get(request.operation.path) ?? new Set();
    const [name, broken] = pick(random, [...Object.entries(BREAKS), ["method", brokenMethod(methods)] as const]);
    const result = broken(random, request);
    if (result === undefined) return this.#broken();
    // The probes document no refusals: whoever asks for them is no caller.
    const isProbe = (request.operation.operation.security ?? [{}]).length === 0;
    return { ...result, kind: name, isAimed: result.isAimed && !(isProbe && result.expectation.is === "refused") };
  }

  #pipeline(): FuzzRequest[] {
    const length = 2 + this.#random.below(PIPELINE - 1);
    return Array.from({ length }, () => {
      const request = this.#maker.make(this.#pick(), this.#random.chance(0.3));
      return { ...respell(this.#random, request), version: " HTTP/1.1", kind: "pipeline" };
    }).map((request) => withHeaders(request, ["expect", "connection"]));
  }

  /** A request whose sender stops within it. */
  #truncated(): Shot {
    const request = this.#maker.make(this.#pick(), false);
    if (request.expectation.is !== "taken") return this.#shoot([request]);
    const expected = { ...refusedPast(request, "a request that breaks off", 400), kind: "truncated" };
    const shot = this.#shoot([expected]);
    const at = 1 + this.#random.below(shot.bytes.length - 1);
    return { ...shot, bytes: shot.bytes.subarray(0, at), cuts: shot.cuts.filter((cut) => cut < at), ends: true };
  }

  /** The last request tells the server to close. */
  #shoot(requests: readonly FuzzRequest[]): Shot {
    const random = this.#random;
    const closing = requests.map((request, index) =>
      index === requests.length - 1 ? withHeaders(request, [], "Connection: close") : request,
    );
    // Small chunks end within lines, and within the sequences of UTF-8.
    const isFine = random.chance(0.3);
    const cut = (left: number) => 1 + random.below(isFine && left < FINE ? Math.min(left, 6) : left);
    const bytes = Buffer.concat(closing.map((request) => bytesOf(request, cut)));
    const isWhole = requests.some((request) => request.isInOnePiece);
    const pieces = !isWhole && random.chance(0.2) ? random.below(6) : 0;
    const cuts = Array.from({ length: pieces }, () => random.below(bytes.length)).sort((a, b) => a - b);
    // What contradicts itself about its end may leave the server waiting for more.
    const ends = requests.some(({ framing, expectation }) => framing === "as it is" && expectation.is === "refused");
    return { requests: closing, bytes, cuts, ends };
  }
}
