import { makeUserData } from "@flux/dao-core/testing";
import { createDaoClient } from "@flux/dao-http/client";
import { describe, expect, test } from "vitest";
import { openStream } from "../rest/change-stream.ts";
import { KEYS, useRestServer } from "../rest/server.ts";
import { hasApache, startApache } from "./apache.ts";
import { hasHaproxy, startHaproxy } from "./haproxy.ts";
import { hasNginx, startNginx } from "./nginx.ts";

const server = useRestServer({ changes: true });

describe.each([
  {
    name: "nginx by its defaults",
    isThere: hasNginx,
    start: (url: string) => startNginx(`location / { proxy_pass ${url}; }`),
  },
  { name: "HAProxy", isThere: hasHaproxy, start: startHaproxy },
])("behind $name", ({ isThere, start }) => {
  test.runIf(isThere)("a stream and the client are told of a change while it is new", async () => {
    await using proxy = await start(server.baseUrl);
    const { changes, users } = createDaoClient({ baseUrl: proxy.url, serviceKey: KEYS.observer });
    const { nextCursor: cursor } = await changes.listChanges({ cursor: "now" });
    const stream = await openStream(proxy.url, `cursor=${cursor}`);
    expect(await stream.next()).toEqual({ next_cursor: cursor });
    const follower = changes.followChanges({ cursor })[Symbol.asyncIterator]();
    for (let time = 0; time < 3; time++) {
      const [told, { id }] = await Promise.all([follower.next(), users.createUser(makeUserData())]);
      expect(told.value).toMatchObject({ entity: "user", id });
      expect(await stream.next()).toMatchObject({ entity: "user", id });
    }
    stream.leave();
    await follower.return?.();
  });
});

test.runIf(hasApache)("behind Apache, which keeps lines of a stream, the client is told", async () => {
  await using proxy = await startApache(server.baseUrl);
  const { changes, users } = createDaoClient({ baseUrl: proxy.url, serviceKey: KEYS.observer });
  const { nextCursor: cursor } = await changes.listChanges({ cursor: "now" });
  const { id } = await users.createUser(makeUserData());
  for await (const change of changes.followChanges({ cursor })) {
    expect(change).toMatchObject({ entity: "user", id });
    break;
  }
});
