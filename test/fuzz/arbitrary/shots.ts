import fc from "fast-check";
import { type OpenApiDocument, type Operation, operationsOf } from "../../rest/openapi-document.ts";
import type { Sent } from "../exchange.ts";
import { bytesOf, type FuzzRequest, isEndless, withHeaders, withinHeadLimit } from "../request.ts";
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
  brokenHead,
  brokenKey,
  brokenPath,
  brokenQuery,
  type Change,
  doubleHeader,
  oddMethod,
  otherMethod,
  refusedPast,
} from "./broken-head.ts";
import { type Draft, Requests } from "./requests.ts";
import { respelling } from "./respellings.ts";

/** What is sent over one connection: requests, and their bytes. */
export interface Shot extends Sent {
  /** Each of them is expected to get one response. */
  readonly requests: readonly FuzzRequest[];
}

/** `undefined` if there is nothing to send. */
export type Shots = fc.Arbitrary<Draft<Shot | undefined>>;

/** Maximum size of a body that may be sent in chunks of a few bytes. */
const FINE = 4_096;
/** Maximum number of pipelined requests. */
const PIPELINE = 5;

/** Generates what is sent for the operations of a document. */
export class ShotMaker {
  readonly any: Shots;
  readonly #requests: Requests;
  readonly #operations: readonly Operation[];

  /** @param key the service key, sent where one is needed */
  constructor(document: OpenApiDocument, key: string) {
    this.#requests = new Requests(document, key);
    this.#operations = operationsOf(document);
    const valid = this.#ofAny((operation) => this.#requests.valid(operation));
    const broken = this.#ofAny((operation) => this.#requests.broken(operation));
    this.any = fc.oneof(
      { weight: 6, arbitrary: single(respelled(valid)) },
      { weight: 6, arbitrary: single(respelled(broken)) },
      { weight: 6, arbitrary: single(changed(valid, breaksOf(document))) },
      { weight: 1, arbitrary: pipeline(valid, broken) },
      { weight: 1, arbitrary: truncated(valid) },
    );
  }

  /** Valid requests, to create rows. */
  valid(operation: Operation): Shots {
    return single(this.#requests.valid(operation));
  }

  /** Deletes are rarer than other requests, since deleting a user deletes all of its rows. */
  #ofAny(requests: (operation: Operation) => fc.Arbitrary<Draft>): fc.Arbitrary<Draft> {
    const weightOf = ({ method }: Operation) => (method === "DELETE" ? 3 : 10);
    return fc.oneof(
      ...this.#operations.map((operation) => ({ weight: weightOf(operation), arbitrary: requests(operation) })),
    );
  }
}

function breaksOf({ paths }: OpenApiDocument): fc.Arbitrary<readonly [name: string, change: Change]> {
  const methodsOf = (path: string) => new Set(Object.keys(paths[path] ?? {}).map((method) => method.toUpperCase()));
  const breaks: Readonly<Record<string, fc.Arbitrary<Change>>> = {
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
    method: fc.oneof({ weight: 3, arbitrary: oddMethod }, { weight: 7, arbitrary: otherMethod(methodsOf) }),
  };
  return fc.oneof(
    ...Object.entries(breaks).map(([name, changes]) => ({
      // A megabyte takes long to send.
      weight: name === "large body" ? 1 : 7,
      arbitrary: changes.map((change) => [name, change] as const),
    })),
  );
}

function respelled(drafts: fc.Arbitrary<Draft>): fc.Arbitrary<Draft> {
  return fc.tuple(drafts, respelling).map(
    ([draft, respell]) =>
      (known) =>
        respell(draft(known)),
  );
}

function changed(
  drafts: fc.Arbitrary<Draft>,
  changes: fc.Arbitrary<readonly [name: string, change: Change]>,
): fc.Arbitrary<Draft<FuzzRequest | undefined>> {
  return fc.tuple(drafts, changes).map(([draft, [kind, change]]) => (known) => {
    const request = draft(known);
    // The other changes assume a request that is valid.
    if (request.expectation.is !== "taken") return request;
    const result = change(request);
    if (result === undefined) return undefined;
    // The probes document no rejections, since they need no key.
    const isProbe = (request.operation.operation.security ?? [{}]).length === 0;
    return { ...result, kind, isAimed: result.isAimed && !(isProbe && result.expectation.is === "refused") };
  });
}

function pipeline(valid: fc.Arbitrary<Draft>, broken: fc.Arbitrary<Draft>): Shots {
  const request = respelled(fc.oneof({ weight: 7, arbitrary: valid }, { weight: 3, arbitrary: broken }));
  return fc
    .tuple(fc.array(request, { minLength: 2, maxLength: PIPELINE }), delivery)
    .map(([drafts, deliver]) => (known) => {
      const requests = drafts
        .map((draft) => ({ ...draft(known), version: " HTTP/1.1", kind: "pipeline" }))
        .map((request) => withHeaders(request, ["expect", "connection"]))
        // Nothing comes after these.
        .filter((request) => withinHeadLimit(request) === request && !isEndless(request));
      return requests.length === 0 ? undefined : deliver(requests);
    });
}

/** A request whose sender stops halfway. */
function truncated(drafts: fc.Arbitrary<Draft>): Shots {
  return fc.tuple(drafts, delivery, fc.noBias(fc.nat())).map(([draft, deliver, number]) => (known) => {
    const request = draft(known);
    if (request.expectation.is !== "taken") return deliver([request]);
    const shot = deliver([{ ...refusedPast(request, "a request that breaks off", 400), kind: "truncated" }]);
    const at = 1 + (number % (shot.bytes.length - 1));
    return { ...shot, bytes: shot.bytes.subarray(0, at), cuts: shot.cuts.filter((cut) => cut < at), ends: true };
  });
}

function single(drafts: fc.Arbitrary<Draft<FuzzRequest | undefined>>): Shots {
  return fc.tuple(drafts, delivery).map(([draft, deliver]) => (known) => {
    const request = draft(known);
    return request === undefined ? undefined : deliver([request]);
  });
}

const number = fc.noBias(fc.nat());

/** How requests are sent: in which chunks, and split into which writes. The last one asks the server to close. */
const delivery = fc
  .tuple(
    fc.array(number, { minLength: 1, maxLength: 8 }),
    // Small chunks end within lines, and within UTF-8 sequences.
    fc.constantFrom(true, false, false),
    fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(number, { maxLength: 5 }) }),
  )
  .map(([sizes, isFine, pieces]) => (requests: readonly FuzzRequest[]): Shot => {
    const closing = requests
      .map((request, index) =>
        index === requests.length - 1 ? withHeaders(request, [], "Connection: close") : request,
      )
      .map(withinHeadLimit);
    let chunk = 0;
    const cutChunk = (left: number) =>
      1 + ((sizes[chunk++ % sizes.length] ?? 0) % (isFine && left < FINE ? Math.min(left, 6) : left));
    const bytes = Buffer.concat(closing.map((request) => bytesOf(request, cutChunk)));
    const isWhole = requests.some((request) => request.isInOnePiece);
    const cuts = isWhole ? [] : pieces.map((piece) => piece % bytes.length).sort((a, b) => a - b);
    // With contradictory framing the server may wait for more.
    const ends = closing.some(({ framing, expectation }) => framing === "as it is" && expectation.is === "refused");
    return { requests: closing, bytes, cuts, ends, isEndless: requests.some(isEndless) };
  });
