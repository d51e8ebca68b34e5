import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { createLogger } from "../app/log.ts";
import { refuseUnreadable } from "./irregular-requests.ts";

/** A connection, with what is written to it. */
function openConnection(): { socket: Duplex; written: () => string } {
  let written = "";
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk, _, done) => {
      written += chunk;
      done();
    },
  });
  return { socket, written: () => written };
}

const unused = { inFlightOn: () => [], afterInFlight: () => undefined, isClosing: () => false };
const parseError = Object.assign(new Error("Parse Error"), { code: "HPE_INVALID_CONTENT_LENGTH" });

test("data after a malformed request does not cut off the response to it", () => {
  const onError = refuseUnreadable(unused, createLogger({ level: "silent" }));
  const { socket, written } = openConnection();
  onError(parseError, socket);
  onError(parseError, socket);
  expect(socket.destroyed).toBe(false);
  expect(written().match(/HTTP\/1\.1 400/g)).toHaveLength(1);
  socket.destroy();
});

test("a connection that its client has reset is closed", () => {
  const onError = refuseUnreadable(unused, createLogger({ level: "silent" }));
  const { socket, written } = openConnection();
  onError(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }), socket);
  expect(socket.destroyed).toBe(true);
  expect(written()).toBe("");
});
