import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createDaoServices } from "@flux/dao-core";
import { createTestDatabase } from "@flux/dao-core/testing";
import { createDaoClient } from "@flux/dao-http/client";
import postgres from "postgres";
import { askUntil } from "../ask-until.ts";
import { requestBytes } from "./client-connection.ts";
import { type ServiceWatch, watchService } from "./health-watch.ts";
import { compileOverloadPrograms, SERVICE_KEY, startService } from "./service-process.ts";

/** What slow clients did, how the service behaved meanwhile, and whether it kept its promises. */
export interface SlowClientsReport extends ServiceWatch {
  readonly name: string;
  /** The broken promise; empty if there is none. */
  readonly complaint: string;
}

const TASKS = 30_000;
const READERS = 300;
const SENDERS = 300;
const DEPARTURES = 1_000;
/**
 * Milliseconds: how long a loop works on one task, and within which slow clients are disconnected by the default time-outs, once
 * they have filled the socket buffers of both sides.
 */
const LOOP_WORK = 100_000;
const CUT_OFF = 240_000;

/** The service, run by its command with the default limits, and clients that are slow or disconnect. */
export async function slowClients(serverUrl: string): Promise<SlowClientsReport[]> {
  await using test = await createTestDatabase({ serverUrl });
  const sql = postgres(test.url, { max: 1, onnotice: () => undefined });
  const { users, goals } = createDaoServices(test.database);
  const user = await users.createUser({ name: "Jane Doe", email: "jane@example.com" });
  const goal = await goals.createGoal({ userId: user.id, title: "Run a half marathon" });
  await sql`insert into tasks (user_id, goal_id, title)
    select ${user.id}, ${goal.id}, repeat('Run ', 60) || n from generate_series(1, ${TASKS}::int) as n`;
  await test.database.close();
  await using programs = await compileOverloadPrograms();
  const service = await startService(programs, { DATABASE_URL: test.url });
  const { port } = service;
  const stream = requestBytes(SERVICE_KEY, "GET", "/api/v1/tasks/stream");
  const milestone = { goal_id: goal.id, week_number: 1, title: "Build base fitness" };
  const post = requestBytes(SERVICE_KEY, "POST", "/api/v1/milestones/", milestone);

  const scenarios: Readonly<Record<string, () => Promise<string>>> = {
    [`${READERS} streams that are not read, while a byte a second is sent`]: async () => {
      const sockets = await openAll(port, READERS, stream);
      // Sending shows that the connection is closed: reading would empty the socket buffers first.
      const left = await untilGone(sockets, (socket) => socket.write("G"));
      return left === 0 ? "" : `${left} unread streams were not cut off`;
    },
    [`${SENDERS} bodies of a byte a second`]: async () => {
      const begun = post.subarray(0, post.length - 40);
      const sockets = await openAll(port, SENDERS, begun);
      for (const socket of sockets) socket.resume();
      // Too few bytes to complete the body.
      let sent = 0;
      const left = await untilGone(sockets, (socket) => sent++ < 35 * SENDERS && socket.write(" "));
      return left === 0 ? "" : `${left} slow bodies were not cut off`;
    },
    [`${DEPARTURES} clients that disconnect while they wait`]: async () => {
      const [before] = await sql`select count(*)::int from milestones`;
      const locked = sql.begin(async (transaction) => {
        await transaction`lock table milestones in access exclusive mode`;
        const sockets = await openAll(port, DEPARTURES, post);
        await delay(1_000);
        for (const socket of sockets) socket.destroy();
        await delay(1_000);
      });
      await locked;
      const start = performance.now();
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/users/${user.id}`, {
        headers: { "X-Flux-Service-Key": SERVICE_KEY },
      });
      const waited = performance.now() - start;
      const [after] = await sql`select count(*)::int from milestones`;
      const done = Number(after?.["count"]) - Number(before?.["count"]);
      // As many as can be in progress.
      return response.status === 200 && waited < 2_000 && done <= 128
        ? ""
        : `waited ${waited} ms, ${done} were executed`;
    },
    [`a loop that works for ${LOOP_WORK / 1_000} s on a task`]: async () => {
      const { tasks } = createDaoClient({ baseUrl: `http://127.0.0.1:${port}`, serviceKey: SERVICE_KEY });
      const ids = new Set<string>();
      let count = 0;
      for await (const { id } of tasks.streamTasks({ goalId: goal.id })) {
        ids.add(id);
        if (count++ === 500) await delay(LOOP_WORK);
      }
      return count === TASKS && ids.size === TASKS ? "" : `${count} tasks, ${ids.size} distinct`;
    },
  };
  const reports: SlowClientsReport[] = [];
  for (const [name, play] of Object.entries(scenarios)) {
    let complaint = "";
    const watch = await watchService(programs, service, async () => {
      complaint = await play();
    });
    reports.push({ name, ...watch, complaint });
  }
  await Promise.all([service.child.stop(), sql.end()]);
  return reports;
}

async function openAll(port: number, count: number, bytes: Uint8Array): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    await once(socket, "connect");
    socket.pause().write(bytes);
    sockets.push(socket);
  }
  return sockets;
}

/**
 * Sends something on each repeatedly until all are closed; resolves with the number of those that are still open after the
 * time-out.
 */
async function untilGone(sockets: readonly Socket[], send: (socket: Socket) => unknown): Promise<number> {
  const sendOnAll = async () => {
    const left = sockets.filter(({ destroyed }) => !destroyed);
    for (const socket of left) if (socket.writable) send(socket);
    return left;
  };
  const left = await askUntil(sendOnAll, ({ length }) => length === 0, { limit: CUT_OFF, pause: 1_000 });
  for (const socket of left) socket.destroy();
  return left.length;
}
