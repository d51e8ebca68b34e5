import { once } from "node:events";
import { connect, Socket } from "node:net";
import { UnavailableError } from "@flux/dao-core";
import { createTestDatabase, type TestDatabase } from "@flux/dao-core/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from "vitest";
import { type ConnectionSettings, PostgresConnection } from "../src/drivers/postgres/connection.ts";

import { LeadingBegin } from "../src/drivers/postgres/leading-begin.ts";
import { checkMessages } from "../src/drivers/postgres/message-check.ts";
import { openSocket } from "../src/drivers/postgres/open-socket.ts";
import { toDaoError } from "../src/session/postgres-errors.ts";
import { Random } from "../src/testing/demo-data/random.ts";
import { startPeer } from "./peer.ts";
import { postgresLocation } from "./postgres-location.ts";

/** The bytes that a server sends in reply to each packet of its client. */
type Transcript = readonly Buffer[];

const PATIENCE = 20_000;
const EVENTS = { onLost: () => undefined, onRefused: (_: unknown, error: unknown) => error };
const STATEMENT = "select $1::int as one, 'a'::text as two, n from generate_series(1, 3) n";

function settingsFor(url: string, connectTimeout = PATIENCE): ConnectionSettings {
  const { hostname: host, port } = new URL(url);
  const socketOptions = {
    host,
    port: Number(port),
    tls: { mode: "disable" },
    connectTimeout,
    keepAlive: 30_000,
  } as const;
  return {
    server: postgresLocation(url).servers[0],
    login: postgresLocation(url),
    parameters: {},
    prepare: true,
    connectTimeout,
    responseTimeout: connectTimeout,
    script: "set lock_timeout = 1000; select 1",
    openSocket: (signal) => openSocket({ ...socketOptions, signal }),
  };
}

/** Logs in, and runs one statement. */
async function converse(settings: ConnectionSettings): Promise<unknown> {
  const connection = await PostgresConnection.open(settings, EVENTS, new AbortController().signal);
  try {
    return await connection.execute(STATEMENT, [7]);
  } finally {
    await connection.close();
  }
}

type Send = (socket: Socket, answer: Buffer) => void | Promise<void>;

const sendAtOnce: Send = (socket, answer) => void socket.write(answer);

/** What a server that plays `transcript` receives, and the outcome. */
async function play(transcript: Transcript, send: Send = sendAtOnce, connectTimeout = PATIENCE) {
  const peer = await startPeer((socket) => {
    const answers = transcript.values();
    let sent: void | Promise<void>;
    const next = async () => {
      const { value } = answers.next();
      await sent;
      if (value !== undefined) sent = send(socket, value);
    };
    void next();
    socket.on("data", next);
  });
  const outcome = await converse(settingsFor(`postgres://user:secret@127.0.0.1:${peer.port}/db`, connectTimeout)).catch(
    (error: unknown) => error,
  );
  await peer.close();
  return outcome;
}

/** What the server at `url` sends in such a conversation. */
async function record(url: string): Promise<Transcript> {
  const answers: Buffer[][] = [];
  const { hostname, port } = new URL(url);
  const peer = await startPeer((socket, request) => {
    const server = connect(Number(port), hostname);
    answers.push([]);
    server.write(request);
    socket.on("data", (data) => {
      answers.push([]);
      server.write(data);
    });
    server.on("data", (data) => {
      answers.at(-1)?.push(data);
      socket.write(data);
    });
    socket.on("close", () => server.destroy());
  });
  const recorded = new URL(url);
  recorded.port = String(peer.port);
  await converse(settingsFor(recorded.href));
  await peer.close();
  return answers.map((pieces) => Buffer.concat(pieces));
}

const message = (type: string, ...content: (string | number | Buffer)[]): Buffer => {
  const body = Buffer.concat(
    content.map((part) => {
      if (typeof part !== "number") return Buffer.from(part);
      const number = Buffer.alloc(4);
      number.writeUInt32BE(part);
      return number;
    }),
  );
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};

/** A message with a wrong length. */
const claiming = (type: string, length: number): Buffer => {
  const head = Buffer.alloc(9);
  head.write(type, "latin1");
  head.writeUInt32BE(length, 1);
  return head;
};

const LOGIN = Buffer.concat([message("R", 0), message("K", 1, 2), message("Z", "I")]);
const DONE = Buffer.concat([message("C", "SET\0"), message("Z", "I")]);
const SASL = message("R", 10, "SCRAM-SHA-256\0\0");
const int16 = (value: number) => Buffer.from([value >> 8, value]);
/** The response to a statement up to its first row, which has one column. */
const PREPARED = Buffer.concat([
  ...[message("1", ""), message("t", int16(1), 23)],
  message("T", int16(1), "one\0", 0, int16(0), 25, int16(4), 0xffff_ffff, int16(0)),
  message("2", ""),
]);
const NO_NUL = message("T", Buffer.from([0, 1]), "an unterminated column");

let testDatabase: TestDatabase;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ serverUrl: inject("adminUrl") });
});
afterAll(() => testDatabase.drop());

const output = vi.fn();
beforeEach(() => {
  for (const method of ["error", "log"] as const) vi.spyOn(console, method).mockImplementation(output);
});
afterEach(() => {
  expect(output).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

const malformed: readonly { what: string; transcript: Transcript }[] = [
  { what: "a SCRAM challenge without a salt", transcript: [SASL, message("R", 11, "r=abc,i=4096")] },
  { what: "a SCRAM challenge without rounds", transcript: [SASL, message("R", 11, "r=abc,s=c2FsdA==,i=many")] },
  {
    what: "a SCRAM challenge that would take hours",
    transcript: [SASL, message("R", 11, "r=abc,s=c2FsdA==,i=2147483647")],
  },
  { what: "a SCRAM challenge before SCRAM", transcript: [message("R", 11, "r=abc,s=c2FsdA==,i=4096")] },
  { what: "a login that skips its proof", transcript: [SASL, message("R", 11, "r=abc,s=c2FsdA==,i=1"), LOGIN] },
  { what: "a request for authentication without a kind", transcript: [message("R", "")] },
  { what: "a request for authentication of an unknown kind", transcript: [message("R", 99)] },
  { what: "an MD5 request without a salt", transcript: [message("R", 5)] },
  { what: "a session before its login", transcript: [message("Z", "I")] },
  { what: "an unknown message", transcript: [message("?", "")] },
  { what: "HTTP", transcript: [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")] },
  ...["G", "H", "W"].map((type) => ({ what: `${type} at first`, transcript: [message(type, "\0\0\0")] })),
  ...["G", "H", "W", "s", "R", "K", "?"].map((type) => ({
    what: `${type} after the login`,
    transcript: [LOGIN, Buffer.concat([message(type, 11, 0), DONE]), message("E", "SERROR\0\0")],
  })),
  { what: "an unterminated column", transcript: [LOGIN, DONE, NO_NUL] },
  ...[0, 3, 30_001, 0x7fff_ffff, 0xffff_ffff].flatMap((length) => [
    { what: `an S of length ${length} in the login`, transcript: [claiming("S", length)] },
    { what: `a C of length ${length} afterwards`, transcript: [LOGIN, claiming("C", length)] },
  ]),
  ...Object.entries({
    "without a number of values": [],
    "whose value is longer": [int16(1), 100, "seven"],
    "whose value is shorter": [int16(1), 1, "seven"],
    "whose value is negative": [int16(1), 0xffff_fffe, "seven"],
    "that lacks a value": [int16(2), 5, "seven"],
    "of fewer columns": [int16(0)],
    "of more columns": [int16(2), 1, "7", 1, "8"],
  }).map(([what, row]) => ({
    what: `a row ${what}`,
    transcript: [LOGIN, DONE, Buffer.concat([PREPARED, message("D", ...row), DONE])],
  })),
  { what: "a row of length 4294967295", transcript: [LOGIN, DONE, claiming("D", 0xffff_ffff)] },
  {
    what: "an endless login",
    transcript: [Buffer.concat([message("R", 0), ...Array(60).fill(message("N", "x".repeat(20_000)))])],
  },
];

describe.each([
  { how: "at once", send: sendAtOnce },
  {
    how: "byte by byte",
    async send(socket: Socket, answer: Buffer) {
      socket.setNoDelay(true);
      for (const byte of answer.subarray(0, 5_000)) {
        socket.write(Buffer.from([byte]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write(answer.subarray(5_000));
    },
  },
])("a server that sends, $how,", ({ send }) => {
  test.each(malformed)("$what does not speak PostgreSQL's protocol", async ({ transcript }) => {
    const error = await play(transcript, send);
    expect(error).toMatchObject({ code: "EPROTO", message: expect.stringMatching(/does not speak PostgreSQL's prot/) });
    expect(toDaoError(error)).toMatchObject({ code: "unavailable", message: Reflect.get(Object(error), "message") });
  });

  test("the responses of a real server are understood", async () => {
    const [url, expected] = [testDatabase.url, { rows: [1, 2, 3].map((n) => [7, "a", n]) }];
    const transcript = await record(url);
    const login = transcript.findIndex((answer) => answer.includes(message("R", 0)));
    const trusted = [
      transcript[login]?.subarray(transcript[login]?.indexOf(message("R", 0))) ?? Buffer.alloc(0),
      ...transcript.slice(login + 1),
    ];
    expect(await play(trusted, send)).toEqual(expected);
  });
});

test("the rows of a statement that was described before all have as many values", async () => {
  const plain = new Socket();
  const socket = checkMessages(plain, new LeadingBegin(plain));
  const failure = once(socket, "error");
  const one = message("D", int16(1), 0xffff_ffff);
  const two = message("D", int16(2), 0xffff_ffff, 0xffff_ffff);
  socket.emit("data", Buffer.concat([LOGIN, one, one, DONE, two, two, DONE]));
  expect(socket.destroyed).toBe(false);
  socket.emit("data", Buffer.concat([one, two, DONE]));
  expect(await failure).toMatchObject([{ code: "EPROTO" }]);
});

test.each([
  { what: "GSSAPI", request: message("R", 7) },
  { what: "only another SASL mechanism", request: message("R", 10, "OAUTHBEARER\0\0") },
])("a server that requires $what: the error names the supported methods", async ({ request }) => {
  expect(await play([request])).toMatchObject({ code: "EPROTO", message: expect.stringMatching(/SCRAM-SHA-256/) });
});

test.each(["0A000", "22023", "40001", "42704", "54000", "58000", "P0XYZ", "XX000"])(
  "a server that rejects the login with %s: the error is not a statement's",
  async (code) => {
    const error = await play([message("E", `SFATAL\0C${code}\0Mno\0\0`)]);
    expect(toDaoError(error)).toBeInstanceOf(UnavailableError);
  },
);

/** A transcript with a fault in it, usually only in a few places. */
function mutated(transcript: Transcript, random: Random): Transcript {
  const answers: Buffer[] = transcript.map((answer) => Buffer.from(answer));
  for (let left = 1 + random.below(3); left > 0; left--) {
    const place = random.below(answers.length);
    const answer = answers[place] ?? Buffer.alloc(0);
    const [one, other] = [random.below(answer.length + 1), random.below(answer.length + 1)];
    const [start, end] = [Math.min(one, other), Math.max(one, other)];
    const piece = answer.subarray(start, Math.min(end, start + 40));
    const heads: number[] = [];
    for (let at = 0; at + 5 <= answer.length; at += 1 + answer.readUInt32BE(at + 1)) heads.push(at);
    const head = heads[random.below(heads.length)] ?? 0;
    switch (random.below(7)) {
      case 0:
        if (answer.length > 0) answer[random.below(answer.length)] = random.below(256);
        break;
      case 1:
        answers[place] = Buffer.concat([answer.subarray(0, start), answer.subarray(start + piece.length)]);
        break;
      case 2:
        answers[place] = Buffer.concat([answer.subarray(0, end), piece, answer.subarray(end)]);
        break;
      case 3:
        answer.write("RSKENvZGHWTDCstn123AIdc?"[random.below(24)] ?? "?", head, "latin1");
        break;
      case 4:
        if (answer.length >= head + 5)
          answer.writeUInt32BE(random.below(2) === 0 ? random.below(40) : random.below(2 ** 32), head + 1);
        break;
      case 5:
        answers.splice(place, random.below(2), transcript[random.below(transcript.length)] ?? answer);
        break;
      default:
        if (answer.length >= head + 9) answer.writeUInt32BE(random.below(14), head + 5);
    }
  }
  return answers;
}

test("whatever is wrong with a login or a response, the process survives, and the call ends", async () => {
  const random = new Random(20_261_128);
  const recorded = await record(testDatabase.url);
  const login = recorded.findIndex((answer) => answer.includes(message("R", 0)));
  const done = recorded[login] ?? Buffer.alloc(0);
  const trusted = [done.subarray(done.indexOf(message("R", 0))), ...recorded.slice(login + 1)];
  const playSome = async () => {
    for (let count = 0; count < 75; count++) {
      const transcript = mutated(random.chance(0.3) ? recorded : trusted, random);
      await play(
        transcript,
        (socket, answer) => {
          const cut = random.chance(0.3) ? random.below(answer.length + 1) : answer.length;
          socket.write(answer.subarray(0, cut));
          if (random.chance(0.6)) setImmediate(() => socket.end(answer.subarray(cut)));
          else setImmediate(() => socket.write(answer.subarray(cut)));
        },
        400,
      );
    }
  };
  await Promise.all(Array.from({ length: 40 }, playSome));
}, 120_000);
