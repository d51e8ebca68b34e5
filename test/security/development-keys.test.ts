import { describe, expect, test } from "vitest";
import { requestHead, sendRaw } from "../rest/raw-socket.ts";
import { KEYS, useRestServer } from "../rest/server.ts";

const server = useRestServer();

/** The response to a request with a development key. */
async function ask(host: string, ...headers: string[]) {
  const head = requestHead("GET", "/api/v1/users/", `X-Flux-Service-Key: ${KEYS.observer}`, ...headers);
  const { status, text } = await sendRaw(server.baseUrl, head.replace("Host: localhost", `Host: ${host}`));
  return { status, body: JSON.parse(text) };
}

describe("the published development keys work on this machine only", () => {
  test.each([
    "localhost",
    "localhost:8000",
    "LOCALHOST",
    "127.0.0.1:1",
    "127.9.9.9",
    "[::1]:8000",
    "[::ffff:127.0.0.1]",
  ])("Host: %s", async (host) => {
    expect((await ask(host)).status).toBe(200);
  });

  test.each(["attacker.example", "localhost.attacker.example", "127.0.0.1.attacker.example", "192.168.0.7:8000", ""])(
    "not for a page whose name resolves to this machine (DNS rebinding): Host: %s",
    async (host) => {
      const { status, body } = await ask(host);
      expect({ status, code: body.code }).toEqual({ status: 403, code: "invalid_service_key" });
      expect(body.detail).toMatch(/SERVICE_API_KEYS/);
    },
  );

  test("a name after the port does not make a loopback host: the request is malformed", async () => {
    const { status, body } = await ask("localhost:8000.attacker.example");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "validation_failed" });
  });

  test.each([
    ["https://attacker.example", 403],
    ["http://localhost.attacker.example", 403],
    ["null", 403],
    ["http://localhost:3000", 200],
    ["https://127.0.0.1", 200],
    ["http://[::1]:8000", 200],
  ])("Origin: %s is %i", async (origin, status) => {
    expect((await ask("localhost", `Origin: ${origin}`)).status).toBe(status);
  });

  test.each([
    ["attacker.example", 403],
    ["localhost, attacker.example", 403],
    ["localhost:3000", 200],
  ])("behind a proxy on this machine, by X-Forwarded-Host: %s is %i", async (forwarded, status) => {
    expect((await ask("localhost", `X-Forwarded-Host: ${forwarded}`)).status).toBe(status);
  });

  test("pages without a key are open to every Host", async () => {
    const head = requestHead("GET", "/health").replace("Host: localhost", "Host: attacker.example");
    expect((await sendRaw(server.baseUrl, head)).status).toBe(200);
  });
});
