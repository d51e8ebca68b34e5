import { createDaoApp, type DaoAppOptions } from "../app/app.ts";
import type { Logger } from "../app/log.ts";
import { stubServices } from "./services-stub.ts";

/** The key of the caller `goal-planner`, which {@link testApp} sends by default. */
export const KEY = "goal-planner-key-abc";
/** A valid id. */
export const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

/** An absent body. */
export async function* noChunks(): AsyncGenerator<Uint8Array> {}

interface LoggedLine {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function recordingLogger(): { logger: Logger; lines: LoggedLine[] } {
  const lines: LoggedLine[] = [];
  const at = (level: string) => (fields: object) => lines.push({ level, fields: { ...fields } });
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

/** An app on stub services, with a way to call it, what reached the services, and what was logged. */
export function testApp(answer?: Parameters<typeof stubServices>[0], options: Partial<DaoAppOptions> = {}) {
  const { services, calls } = stubServices(answer);
  const { logger, lines } = recordingLogger();
  const keys = [
    { name: "goal-planner", key: KEY },
    { name: "observer", key: "old" },
    { name: "observer", key: "new" },
  ];
  const app = createDaoApp({ services, keys, logger, ...options });
  const call = async (method: string, path: string, init: RequestInit = {}) => {
    const headers = { "X-Flux-Service-Key": KEY, ...(init.body != null && { "Content-Type": "application/json" }) };
    const request = new Request(`http://service${path}`, { ...init, method, headers: { ...headers, ...init.headers } });
    const response = await app.fetch(request);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text === "" ? undefined : JSON.parse(text),
    };
  };
  return { app, call, calls, lines };
}
