import type { Shape } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import { createDaoApp } from "../app/app.ts";
import type { Fetch } from "../client/connection.ts";
import { createDaoClient } from "../client/dao-client.ts";
import { stubServices } from "./services-stub.ts";
import { id } from "./test-app.ts";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A client whose calls are handled by an app on these services, and sent once. Default: each returns a sample. */
export function connectedClient(
  answer: NonNullable<Parameters<typeof stubServices>[0]> = ({ method }) => sampleResult(method),
  serviceKey = "k",
) {
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

/** An empty result of the service's method of this name. */
export function sampleResult(method: string): unknown {
  return sampleOf(Object.entries(operations).find(([name]) => name.endsWith(`.${method}`))?.[1].result);
}

function sampleOf(shape: Shape | null | undefined): unknown {
  if (shape == null) return null;
  if (Array.isArray(shape)) return shape.length === 1 ? [] : null;
  if (typeof shape === "object") {
    return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, sampleOf(field)]));
  }
  const samples = { string: id, number: 0, boolean: false, instant: new Date(0), json: {} };
  return Reflect.get(samples, shape) ?? null;
}

export const rejection = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
