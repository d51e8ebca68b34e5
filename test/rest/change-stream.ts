import { expect } from "vitest";
import { KEYS } from "./server.ts";

/** A change in JSON. */
export interface Change {
  readonly cursor: string;
  readonly entity: string;
  readonly operation: string;
  readonly id: string | null;
  readonly user_id: string | null;
  readonly goal_id: string | null;
  readonly changed_at: string;
}

/** A stream of changes, line by line; the last is followed by `undefined`. */
export async function openStream(baseUrl: string, query: string) {
  const controller = new AbortController();
  const headers = { "X-Flux-Service-Key": KEYS.observer };
  const response = await fetch(`${baseUrl}/api/v1/changes/stream?${query}`, { headers, signal: controller.signal });
  const lines = linesOf(response);
  return { response, next: async () => (await lines.next()).value, leave: () => controller.abort() };
}

async function* linesOf({ body }: Response): AsyncGenerator<Partial<Change> & { next_cursor?: string }, undefined> {
  let rest = "";
  for await (const text of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
  expect(rest).toBe("");
  return undefined;
}
