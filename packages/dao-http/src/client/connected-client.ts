import { createDaoApp } from "../app.ts";
import { stubServices } from "../services-stub.ts";
import type { Fetch } from "./connection.ts";
import { createDaoClient } from "./dao-client.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A client whose calls are answered by an app on these services, and sent once. */
export function connectedClient(answer?: Parameters<typeof stubServices>[0], serviceKey = "k") {
  const { services, calls } = stubServices(answer);
  const app = createDaoApp({ services, keys: [{ name: "test", key: "k" }], logger: silent });
  const sent: string[] = [];
  const headers: Headers[] = [];
  const fetch: Fetch = (url, init) => {
    headers.push(new Headers(init.headers));
    sent.push(`${init.method} ${url.slice("http://service".length)}`);
    return app.fetch(new Request(url, init));
  };
  return {
    client: createDaoClient({ baseUrl: "http://service/", serviceKey, fetch, retry: false }),
    calls,
    sent,
    headers,
  };
}

export const rejection = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
