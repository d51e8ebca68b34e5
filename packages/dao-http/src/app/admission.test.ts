import { expect, test } from "vitest";
import type { HttpRequest } from "../http/http-message.ts";
import { BODY_MEMORY } from "../wire/limits.ts";
import { bodyReader } from "./admission.ts";

/** A request whose body is these pieces; ends when its signal aborts. */
function requestOf(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): HttpRequest {
  return {
    method: "POST",
    target: "/",
    header: () => undefined,
    async *readChunks(signal) {
      for await (const piece of pieces) {
        signal?.throwIfAborted();
        yield piece;
      }
      signal?.throwIfAborted();
    },
  };
}

test("a body that would exceed the memory is rejected, and no short one that is older", async () => {
  const quarter = BODY_MEMORY / 4;
  const read = bodyReader(quarter, 10_000);
  const short = new Uint8Array(10);
  const complete = Array.from({ length: 4 }, () => read(requestOf([new Uint8Array(quarter - short.length)])));
  const waiting = await Promise.all(complete);
  let arrive = () => {};
  const rest = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  async function* slowly() {
    yield short.subarray(1);
    await rest;
    yield short.subarray(0, 1);
  }
  const older = read(requestOf(slowly()));
  const refused = read(requestOf([new Uint8Array(100_000), short]));
  await expect(refused).rejects.toMatchObject({ code: "unavailable" });
  arrive();
  expect((await older).body).toHaveLength(short.length);
  for (const { release } of waiting) release();
  await expect(read(requestOf([new Uint8Array(100_000)]))).resolves.toBeDefined();
});
