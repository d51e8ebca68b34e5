import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { rejection, sampleResult } from "../testing/connected-client.ts";
import { type Reply, raw, scriptedServer } from "../testing/scripted-server.ts";
import { encode } from "../wire/json.ts";
import { createDaoClient } from "./dao-client.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";
const user = sampleResult("getUser");
const body = encode(user);
const json = "x-request-id: 1\r\ncontent-type: application/json";
const length = (text: string | Uint8Array) => `content-length: ${Buffer.byteLength(text)}`;
const whole: Reply = { bytes: raw([json, length(body)], body) };
const half = body.slice(0, body.length / 2);
const zipped = gzipSync(body);
const bitFlip = Buffer.from(zipped);
bitFlip[20] = ~(zipped[20] ?? 0);

const damaged: Readonly<Record<string, Reply>> = {
  "a body shorter than its length": { bytes: raw([json, length(body)], half), ending: "close" },
  "a body that is reset": { bytes: raw([json, length(body)], half), ending: "reset" },
  "chunks without an end": {
    bytes: raw([json, "transfer-encoding: chunked"], `${half.length.toString(16)}\r\n${half}\r\n`),
    ending: "close",
  },
  "a chunk that is cut": {
    bytes: raw([json, "transfer-encoding: chunked"], `${body.length.toString(16)}\r\n${half}`),
    ending: "close",
  },
  "half of a body that is ended by closing": { bytes: raw([json], half, "1.0"), ending: "close" },
  "a proxy that ends half a body in order": { bytes: raw([json, length(half)], half) },
  "half of a compressed body": {
    bytes: raw([json, "content-encoding: gzip", length(zipped.subarray(0, 60))], zipped.subarray(0, 60)),
  },
  "a compressed body with a flipped bit": { bytes: raw([json, "content-encoding: gzip", length(bitFlip)], bitFlip) },
  "a body that is said to be compressed": { bytes: raw([json, "content-encoding: gzip", length(body)], body) },
  "a body in another encoding": {
    bytes: raw([json, `${length(body)}0`], Buffer.from(body, "utf16le")),
    ending: "close",
  },
  "a header beyond all bounds": { bytes: raw([json, `x-header: ${"x".repeat(100_000)}`, length(body)], body) },
  "bytes that are not HTTP": { bytes: "SSH-2.0-OpenSSH_9.2\r\n", ending: "close" },
  "a connection that is closed": { bytes: "", ending: "close" },
  "a connection that is reset": { bytes: "", ending: "reset" },
};

describe("a response that is damaged in transit", () => {
  test.each(Object.entries(damaged))("%s: a read is retried, and a write does not count as done", async (_, reply) => {
    await using server = await scriptedServer((_target, count) => (count === 1 ? reply : whole));
    const { users } = createDaoClient({ baseUrl: server.url, serviceKey: "k" });
    expect(await users.getUser(id)).toEqual(user);
    expect(server.targets).toHaveLength(2);
    await using again = await scriptedServer(() => reply);
    const writer = createDaoClient({ baseUrl: again.url, serviceKey: "k" });
    expect(String(await rejection(writer.users.updateUser(id, {})))).toMatch(
      /UnavailableError: .*may or may not have taken effect/,
    );
    expect(again.targets).toHaveLength(1);
  });

  test("a stalled response ends at the time-out", async () => {
    await using server = await scriptedServer(() => ({ bytes: raw([json, length(body)], half) }));
    const { users } = createDaoClient({ baseUrl: server.url, serviceKey: "k", timeout: 150 });
    expect(String(await rejection(users.getUser(id)))).toContain(
      "UnavailableError: The service did not respond within",
    );
    expect(server.targets).toHaveLength(1);
  });

  const odd: Readonly<Record<string, Reply>> = {
    "a whole body that is ended by closing": { bytes: raw([json], body, "1.0"), ending: "close" },
    "a compressed body": { bytes: raw([json, "content-encoding: gzip", length(zipped)], zipped) },
    "another content type": { bytes: raw(["content-type: text/plain", "x-request-id: 1", length(body)], body) },
    "interim responses": {
      bytes: Buffer.concat([Buffer.from("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), Buffer.from(whole.bytes)]),
    },
  };
  test.each(Object.entries(odd))("%s is none", async (_, reply) => {
    await using server = await scriptedServer(() => reply);
    const { users } = createDaoClient({ baseUrl: server.url, serviceKey: "k" });
    expect(await users.getUser(id)).toEqual(user);
    expect(server.targets).toHaveLength(1);
  });

  test("the body of a 204 is not mistaken for the next response", async () => {
    const stray = JSON.stringify({ ...JSON.parse(body), name: "Stray" });
    const smuggled = Buffer.from(raw([json, length(stray)], stray)).toString();
    for (const trailer of [stray, smuggled]) {
      await using server = await scriptedServer((_target, count) =>
        count === 1 ? { bytes: `HTTP/1.1 204 No Content\r\nx-request-id: 1\r\n\r\n${trailer}` } : whole,
      );
      const { users } = createDaoClient({ baseUrl: server.url, serviceKey: "k" });
      await users.deleteUser(id);
      expect(await users.getUser(id)).toEqual(user);
    }
  });
});
