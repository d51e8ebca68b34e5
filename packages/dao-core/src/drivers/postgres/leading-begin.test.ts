import { Socket } from "node:net";
import { expect, test } from "vitest";
import { LeadingBegin } from "./leading-begin.ts";
import { checkMessages } from "./message-check.ts";

const message = (type: string, body = "") => {
  const head = Buffer.from(`${type}\0\0\0\0`, "latin1");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, Buffer.from(body, "latin1")]);
};
const ready = message("Z", "I");
const notice = message("N", "SNOTICE\0\0");
const begun = [message("1"), message("2"), message("C", "BEGIN\0")];
const row = [message("1"), message("2"), message("D", "\0\0"), message("C", "SELECT 1\0"), message("Z", "T")];
const refused = [message("E", "SERROR\0\0"), ready];

/** A logged-in connection: what is written to its socket, and what its client gets of the server's messages. */
function connected() {
  const written: Buffer[] = [];
  const received: Buffer[] = [];
  const socket = Object.assign(new Socket(), { write: (chunk: Buffer) => written.push(chunk) > 0 });
  const leading = new LeadingBegin(socket);
  checkMessages(socket, leading).on("data", (chunk) => received.push(Buffer.from(chunk)));
  socket.emit("data", Buffer.concat([message("R", "\0\0\0\0"), ready]));
  received.length = 0;
  return { leading, socket, written, all: () => Buffer.concat(received) };
}

test.each([1, 2, 7, 1_000])("the responses to it are kept from the client, in pieces of %i bytes", (size) => {
  const { leading, socket, written, all } = connected();
  let calls = 0;
  leading.set("begin", () => calls++);
  // What is still under way from before.
  socket.emit("data", Buffer.concat([message("2"), message("C", "SELECT 1\0"), ready]));
  expect(written).toEqual([]);
  socket.write(Buffer.from("first"));
  socket.write(Buffer.from("second"));
  expect(written.map((chunk) => chunk.toString("latin1"))).toEqual([
    "P\0\0\0\x0d\0begin\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0first",
    "second",
  ]);
  const server = Buffer.concat([notice, ...begun.slice(0, 2), notice, ...begun.slice(2), ...row, ...row]);
  for (let start = 0; start < server.length; start += size) {
    socket.emit("data", Buffer.from(server.subarray(start, start + size)));
  }
  const before = [message("2"), message("C", "SELECT 1\0"), ready];
  expect(all()).toEqual(Buffer.concat([...before, notice, notice, ...row, ...row]));
  expect(calls).toBe(1);
});

test("if it is refused, its error is the statement's, and nothing more is kept from the client", () => {
  const { leading, socket, all } = connected();
  leading.set("begin", () => expect.unreachable());
  socket.write(Buffer.from("first"));
  socket.emit("data", Buffer.concat([...refused, ...row]));
  expect(all()).toEqual(Buffer.concat([...refused, ...row]));
});

test("one that was not sent is forgotten", () => {
  const { leading, socket, written, all } = connected();
  leading.set("begin", () => expect.unreachable());
  leading.clear();
  socket.write(Buffer.from("first"));
  socket.emit("data", Buffer.concat(row));
  expect([written, all()]).toEqual([[Buffer.from("first")], Buffer.concat(row)]);
});
