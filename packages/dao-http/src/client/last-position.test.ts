import { expect, test } from "vitest";
import { createDaoClient } from "./dao-client.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const [EARLY, LATE] = ["00000000016B3748", "0000000100000000"] as const;

const flags = { user_id: id, virtual_now: null, escalation_speed: 1 };

/** A client whose service responds with these positions in turn, or not at all, and the positions that it received. */
function servedWith(...positions: (string | undefined | Error)[]) {
  const received: (string | null)[] = [];
  const { demoFlags } = createDaoClient({
    baseUrl: "http://service",
    serviceKey: "k",
    retry: false,
    fetch: async (_, { headers }) => {
      received.push(new Headers(headers).get("flux-position"));
      const position = positions.shift();
      if (position instanceof Error) throw position;
      const headersOf = { "x-request-id": "1", ...(position !== undefined && { "flux-position": position }) };
      return Response.json(flags, { headers: headersOf });
    },
  });
  const write = () => demoFlags.putDemoFlags(id, { escalationSpeed: 1 }).catch(() => undefined);
  const read = (readAfter?: string) => demoFlags.getDemoFlags(id, { readAfter });
  return { write, read, received };
}

test("a client sends no position before it received one, and with writes never", async () => {
  const { read, write, received } = servedWith(undefined, EARLY, LATE);
  await read();
  await write();
  await write();
  expect(received).toEqual([null, null, null]);
});

test("it sends the greatest that it received, or that the call names", async () => {
  const { read, write, received } = servedWith(LATE, EARLY, "not a position");
  for (let times = 0; times < 3; times++) await write();
  await read();
  await read("00000000FFFFFFFF");
  await read("0000000200000000");
  expect(received.slice(3)).toEqual([LATE, LATE, "0000000200000000"]);
  for (const readAfter of ["x", "latest"]) {
    await expect(read(readAfter)).rejects.toMatchObject({ issues: [{ path: "readAfter" }] });
  }
});

test("after a write without a response it asks for the latest, until it knows the position", async () => {
  const lost = new TypeError("fetch failed");
  const { read, write, received } = servedWith(EARLY, lost, LATE, undefined, lost, lost, undefined, undefined);
  await write();
  await write();
  await read();
  await read();
  await write();
  await expect(read()).rejects.toThrow();
  await read();
  await read();
  expect(received).toEqual([null, null, "latest", LATE, null, "latest", "latest", LATE]);
});
