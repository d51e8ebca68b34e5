import type { ChangeDto, ChangePage } from "@flux/dao-core/contract";
import type { Operation } from "../../api/operation.ts";
import type { HttpResponse, StreamedResponse, WholeResponse } from "../../http/http-message.ts";
import { invalidRequest } from "../../http/problem.ts";
import { bodyOf } from "../../http/response-body.ts";
import { cursorLine, encode, NDJSON } from "../../wire/json.ts";
import { CHANGES_CHUNK, CHANGES_WAIT, CURSOR_INTERVAL } from "../../wire/limits.ts";
import { tenantOf } from "../auth.ts";
import { type EndpointRequest, type EndpointSettings, jsonHeaders, type RouteEndpoint } from "../endpoint.ts";
import { readPreconditions } from "../preconditions.ts";
import { readQuery } from "../query.ts";

type Query = Readonly<Record<string, unknown>>;

/** Handles the requests for changes, as a page or as lines. Those that wait are not in progress, and hold almost no memory. */
export function changesEndpoint(operation: Operation, { limit, memory, followers }: EndpointSettings): RouteEndpoint {
  return { operation, id: undefined, isOfChanges: true, prepare };

  function prepare(request: EndpointRequest) {
    const { http, query: text } = request;
    readPreconditions(http, operation);
    const { wait = 0, ...query } = readQuery(text, operation.query);
    if (!Number.isInteger(wait) || Number(wait) < 0 || Number(wait) > CHANGES_WAIT) {
      throw invalidRequest(`must be a whole number of seconds from 0 to ${CHANGES_WAIT}`, "wait");
    }
    if (operation.output === "ndjson") return () => stream(request, query);
    return () => respond(request, query, http.method === "HEAD" ? 0 : Number(wait));
  }

  async function respond({ http, caller, data }: EndpointRequest, query: Query, wait: number): Promise<HttpResponse> {
    const { changes } = data.services;
    const departure = wait === 0 ? undefined : http.signal;
    const first = await limit.run(async () => {
      const page = await changes.listChanges(query, { requester: http });
      return wait > 0 && page.items.length === 0 ? page : memory.held(toResponse(page), http);
    }, http);
    if (!("nextCursor" in first)) return first;
    const { limit: asked = CHANGES_CHUNK, ...filter } = query;
    const most = Math.min(Number(asked), CHANGES_CHUNK);
    const follower = followers.follow(tenantOf(caller), changes, { ...filter, cursor: first.nextCursor }, departure);
    try {
      const items = await follower.take(most, wait * 1_000);
      departure?.throwIfAborted();
      return toResponse({ items, nextCursor: follower.cursor, hasNext: items.length === most });
    } finally {
      follower.close();
    }
  }

  /** Begins with a cursor, and has one after each interval without a change, and at the end. */
  async function stream({ http, caller, data }: EndpointRequest, query: Query): Promise<StreamedResponse> {
    const { changes } = data.services;
    // Before the first wait, so that it is noticed at any time.
    const departure = http.signal;
    const list = () => changes.listChanges({ ...query, limit: CHANGES_CHUNK }, { requester: http });
    const { items, nextCursor } = await limit.run(list, http);
    departure?.throwIfAborted();
    const follower = followers.follow(tenantOf(caller), changes, { ...query, cursor: nextCursor }, departure);
    let first = linesOf(items) + cursorLine(nextCursor);
    let hasEnded = false;
    const next = async (): Promise<IteratorResult<string, undefined>> => {
      let text = first;
      first = "";
      if (hasEnded) return { done: true, value: undefined };
      if (text === "") {
        const taken = await follower.take(CHANGES_CHUNK, CURSOR_INTERVAL);
        hasEnded = follower.isOver;
        text = linesOf(taken) + (hasEnded || taken.length === 0 ? cursorLine(follower.cursor) : "");
      }
      return { done: false, value: text };
    };
    // nginx would keep lines until its buffer is full.
    const headers = { "content-type": NDJSON, "cache-control": "no-store", "x-accel-buffering": "no" };
    return { status: operation.status, headers, body: bodyOf(next, follower.close), isEndless: true };
  }
}

function toResponse(page: ChangePage): WholeResponse {
  return { status: 200, headers: jsonHeaders(), body: encode(page) };
}

function linesOf(changes: readonly ChangeDto[]): string {
  return changes.map((change) => `${encode(change)}\n`).join("");
}
