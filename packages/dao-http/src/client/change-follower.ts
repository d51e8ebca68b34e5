import type { ChangeDto, ChangePage } from "@flux/dao-core/contract";
import { operations } from "../api/operations.gen.ts";
import { CHANGES_WAIT, CLIENT_CHANGES, FOLLOWER_PAUSE } from "../wire/limits.ts";
import { type CallRequest, toQueryString } from "./request.ts";
import { pause } from "./retry.ts";

/**
 * The changes after a cursor, without end. It requests a page after another, each of which the service keeps waiting until there is a
 * change: whole responses pass every proxy, and one that is lost is requested again after the same cursor.
 * @param get requests a page; with `isPersistent` until it has one
 * @throws as `get` does; the signal's reason
 */
export async function* changesAfter(
  request: CallRequest,
  get: (page: CallRequest, isPersistent: boolean) => Promise<ChangePage>,
  onCursor: ((cursor: string) => void) | undefined,
): AsyncGenerator<ChangeDto, void, undefined> {
  const operation = operations["changes.listChanges"];
  const parameters = { ...Object(request.input), limit: CLIENT_CHANGES };
  // The first page comes at once: a second request for "now" would miss what happened since the first.
  for (let hasBegun = false; ; hasBegun = true) {
    const since = performance.now();
    const wait = hasBegun ? CHANGES_WAIT : 0;
    const target = operation.path + toQueryString({ ...parameters, wait }, operation.query ?? {});
    const { items, nextCursor, hasNext } = await get({ ...request, operation, target }, hasBegun);
    for (const change of items) {
      request.signal?.throwIfAborted();
      yield change;
    }
    if (nextCursor !== parameters.cursor) onCursor?.(nextCursor);
    parameters.cursor = nextCursor;
    // A service that stops does not wait, and may be asked again before another takes its place.
    const isEarly = hasBegun && items.length === 0 && !hasNext && performance.now() - since < FOLLOWER_PAUSE;
    if (isEarly) await pause(Math.random() * FOLLOWER_PAUSE, request.signal);
  }
}
