import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { expectProblem, expectStatus } from "./answer.ts";
import { createOwner } from "./rows.ts";
import { KEYS, type RestServer, startRestServer } from "./server.ts";

const SENDERS = 10;
/** A quarter of the pool of 8. */
const AT_A_TIME = 2;
/** Enough lines to open a transaction. */
const LINES = 2_500;

/** A client that sends its body after a 100 Continue, which arrives when the service starts to read the body. */
class Sender {
  readonly #socket: Socket;
  #received = "";

  constructor(baseUrl: string) {
    const { hostname, port } = new URL(baseUrl);
    this.#socket = connect({ port: Number(port), host: hostname }).on("error", () => undefined);
    this.#socket.on("data", (chunk) => {
      this.#received += chunk.toString("latin1");
    });
    const head = [
      "POST /api/v1/tasks/import HTTP/1.1",
      "Host: localhost",
      `X-Flux-Service-Key: ${KEYS.scheduler}`,
      "Content-Type: application/x-ndjson",
      "Transfer-Encoding: chunked",
      "Expect: 100-continue",
    ];
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
  }

  get isRead(): boolean {
    return this.#received.startsWith("HTTP/1.1 100 Continue\r\n\r\n");
  }

  get status(): number {
    return Number(/^(?:HTTP\/1\.1 1\d\d .*\r\n\r\n)*HTTP\/1\.1 ([2-5]\d\d) /.exec(this.#received)?.[1]);
  }

  get text(): string {
    return this.#received;
  }

  send(text: string): void {
    this.#socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
  }

  end(): void {
    this.#socket.write("0\r\n\r\n");
  }

  async leave(): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, "close");
  }
}

let server: RestServer;
const senders: Sender[] = [];
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.leave()));
  await server.stop();
});

async function start(options: { acquireTimeout: number }) {
  server = await startRestServer({ poolSize: 8, ...options });
  const { id, user_id } = await createOwner(server.call);
  const line = `${JSON.stringify({ user_id, goal_id: id, title: "t" })}\n`;
  const count = async () =>
    expectStatus(await server.call<{ total: number }>("GET", `/api/v1/tasks/?goal_id=${id}`), 200).total;
  return { line, count };
}

const addSender = () => senders[senders.push(new Sender(server.baseUrl)) - 1] ?? expect.fail();
const read = () => senders.map(({ isRead }) => isRead);

/** Starts each sender once the previous one has been accepted, so that their order is known. */
async function addSenders(count: number): Promise<void> {
  for (let added = 0; added < count; added++) {
    const sender = addSender();
    if (added < AT_A_TIME) await expect.poll(() => sender.isRead).toBe(true);
    // A request on another connection, after which this one's head has been read.
    else expectStatus(await server.call("GET", "/api/v1/users/"), 200);
  }
}

describe("ten senders of imports that stop in the middle of a line", () => {
  test("use at most a quarter of the pool; the waiting ones are not read, and start in order", async () => {
    const { line, count } = await start({ acquireTimeout: 30_000 });
    await addSenders(SENDERS);
    for (const sender of senders.slice(0, AT_A_TIME)) sender.send(line.repeat(LINES) + line.slice(0, 10));
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => server.call("GET", "/api/v1/users/")));
      for (const answer of answers) expectStatus(answer, 200);
      const { user_id } = await createOwner(server.call);
      expectStatus(await server.call("GET", `/api/v1/users/${user_id}`), 200);
      for (const path of ["/ready", "/health"]) expectStatus(await server.call("GET", path), 200);
    }
    expect(read()).toEqual(senders.map((_, index) => index < AT_A_TIME));
    expect(await count()).toBe(0);

    for (const [index, sender] of senders.entries()) {
      await expect.poll(() => sender.isRead).toBe(true);
      if (index >= AT_A_TIME) sender.send(line.repeat(LINES) + line.slice(0, 10));
      expect(read()).toEqual(senders.map((_, at) => at < index + AT_A_TIME));
      sender.send(line.slice(10));
      sender.end();
      await expect.poll(() => sender.status).toBe(201);
      await expect.poll(() => read().filter(Boolean).length).toBe(Math.min(SENDERS, index + 1 + AT_A_TIME));
    }
    expect(await count()).toBe(SENDERS * (LINES + 1));
  });

  test("a sender that disconnects leaves the queue, or frees its slot", async () => {
    const { line, count } = await start({ acquireTimeout: 30_000 });
    await addSenders(4);
    const [first, , third, fourth] = senders;
    first?.send(line.repeat(LINES));
    await third?.leave();
    await expect.poll(() => server.logLines().filter((entry) => entry.includes('"status":499')).length).toBe(1);
    await first?.leave();
    await expect.poll(() => fourth?.isRead).toBe(true);
    fourth?.send(line);
    fourth?.end();
    await expect.poll(() => fourth?.status).toBe(201);
    expect(await count()).toBe(1);
  });

  test("a sender that waits too long gets a 503 with Retry-After, and sends nothing", async () => {
    await start({ acquireTimeout: 1_000 });
    await addSenders(3);
    await expect.poll(() => senders[2]?.status).toBe(503);
    expect(senders[2]?.text).toMatch(/retry-after: 2/i);
    expect(senders[2]?.text).toContain("2 imports run already");
    expect(read()).toEqual([true, true, false]);
  });

  test("an invalid request head is reported at once", async () => {
    await start({ acquireTimeout: 30_000 });
    await addSenders(2);
    const parts = { body: "{}", headers: { "X-Flux-Service-Key": KEYS.scheduler, "Content-Type": "text/plain" } };
    expectProblem(await server.call("POST", "/api/v1/tasks/import", parts), 415);
  });
});
