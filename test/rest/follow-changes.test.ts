import { setTimeout as delay } from "node:timers/promises";
import { makeUserData } from "@flux/dao-core/testing";
import { type ClientRetry, createDaoClient } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { amount } from "../depth.ts";
import { faultyNetwork } from "../faulty-network.ts";
import { KEYS, startRestServer, useRestServer } from "./server.ts";

const server = useRestServer({ changes: true });

/** Numbers users in `name`, one after another. */
async function createUsers(baseUrl: string, count: number, pause = 0): Promise<string[]> {
  const { users } = createDaoClient({ baseUrl, serviceKey: KEYS.observer });
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    ids.push((await users.createUser(makeUserData())).id);
    await delay(pause);
  }
  return ids;
}

const clientOf = (baseUrl: string, retries: ClientRetry[] = []) =>
  createDaoClient({ baseUrl, serviceKey: KEYS.observer, retry: { onRetry: (retry) => retries.push(retry) } }).changes;

describe("the client follows changes", () => {
  test("over connections that are cut in the middle of responses: each once, in order", async () => {
    await using network = await faultyNetwork(server.baseUrl);
    const { nextCursor: cursor } = await clientOf(server.baseUrl).listChanges({ cursor: "now" });
    const count = amount(100, 1_000);
    const writing = createUsers(server.baseUrl, count, 5);
    let isDone = false;
    const cutting = (async () => {
      for (let time = 0; !isDone; time++) {
        await network.cut({ after: time % 3, share: (time % 4) / 4, reset: time % 2 === 0 });
      }
    })();
    const retries: ClientRetry[] = [];
    const seen: (string | null)[] = [];
    for await (const change of clientOf(network.url, retries).followChanges({ cursor, entity: "user" })) {
      seen.push(change.id);
      if (seen.length === count) break;
    }
    isDone = true;
    expect(seen).toEqual(await writing);
    expect(retries.length).toBeGreaterThan(5);
    // The last cut needs a response.
    await clientOf(network.url)
      .listChanges()
      .catch(() => undefined);
    await Promise.race([cutting, delay(100)]);
  });

  test("across a restart of the service, however long that takes", async () => {
    await using network = await faultyNetwork(server.baseUrl);
    const controller = new AbortController();
    const retries: ClientRetry[] = [];
    const seen: (string | null)[] = [];
    const cursors: string[] = [];
    const { signal } = controller;
    const onCursor = (next: string) => cursors.push(next);
    const following = (async () => {
      const changes = clientOf(network.url, retries).followChanges(
        { cursor: "now", entity: "user" },
        { signal, onCursor },
      );
      for await (const { id } of changes) seen.push(id);
    })();
    await expect.poll(() => cursors.length).toBe(1);
    const before = await createUsers(server.baseUrl, 1);
    await expect.poll(() => seen).toEqual(before);
    await network.leave();
    const during = await createUsers(server.baseUrl, 3);
    // More attempts than a call has.
    await expect.poll(() => retries.length).toBeGreaterThan(4);
    expect(seen).toEqual(before);
    await network.comeBack();
    await expect.poll(() => seen).toEqual([...before, ...during]);
    controller.abort(new Error("enough"));
    await expect(following).rejects.toThrow("enough");
  });

  test("from a stopped service to its successor, without a change lost or told twice", async () => {
    const first = await startRestServer({ databaseUrl: server.databaseUrl });
    await using network = await faultyNetwork(first.baseUrl);
    const seen: (string | null)[] = [];
    const controller = new AbortController();
    const { nextCursor: cursor } = await clientOf(server.baseUrl).listChanges({ cursor: "now" });
    const following = (async () => {
      const { signal } = controller;
      for await (const { id, entity } of clientOf(network.url).followChanges({ cursor }, { signal }))
        if (entity === "user") seen.push(id);
    })().catch((error: unknown) => expect(error).toBe(controller.signal.reason));
    const before = await createUsers(server.baseUrl, 5);
    await expect.poll(() => seen.filter((id) => before.includes(String(id)))).toEqual(before);
    await first.stop();
    const after = await createUsers(server.baseUrl, 5);
    const port = Number(new URL(first.baseUrl).port);
    await using successor = await startRestServer({ databaseUrl: server.databaseUrl, port });
    expect(successor.baseUrl).toBe(first.baseUrl);
    await expect.poll(() => seen).toEqual([...before, ...after]);
    controller.abort();
    await following;
  });

  test("but a service that it never reached is an error, and so are one attempt and no retries", async () => {
    await using network = await faultyNetwork(server.baseUrl);
    await network.leave();
    const first = (changes: ReturnType<typeof clientOf>) => changes.followChanges()[Symbol.asyncIterator]().next();
    await expect(first(clientOf(network.url))).rejects.toMatchObject({ code: "unavailable" });
    await network.comeBack();
    const { changes } = createDaoClient({ baseUrl: network.url, serviceKey: KEYS.observer, retry: false });
    await createUsers(server.baseUrl, 1);
    const iterator = changes.followChanges()[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    await network.leave();
    const rest = async () => {
      for (;;) await iterator.next();
    };
    await expect(rest()).rejects.toMatchObject({ code: "unavailable" });
  });
});
