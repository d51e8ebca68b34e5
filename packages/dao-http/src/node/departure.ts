import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ClientGoneError } from "../http/http-error.ts";
import { DEPARTURE_PROBE_INTERVAL, DEPARTURES_IN_TURN } from "../wire/limits.ts";

const pending: (() => void)[] = [];
let isScheduled = false;

/**
 * Runs `work` in a turn of the event loop with not too much of its kind: the clients of a proxy that stops go all at once, and others
 * are served meanwhile. The latest is first: its request waits, and earlier ones that end would only let it begin.
 */
function inItsTurn(work: () => void): void {
  pending.push(work);
  if (!isScheduled) setImmediate(runLatest);
  isScheduled = true;
}

function runLatest(): void {
  const latest = pending.splice(-DEPARTURES_IN_TURN).reverse();
  // Before the work, so that an error in it leaves no others behind.
  isScheduled = pending.length > 0;
  if (isScheduled) setImmediate(runLatest);
  for (const work of latest) work();
}

/** One for all: creating an error is expensive because of its stack. */
const clientGone = new ClientGoneError();

/**
 * A client that has closed its connection, and one that only stopped sending and waits for its response (a half-close), look
 * alike until something is sent to them: a closed connection responds with a reset. So `probe` sends something meaningless from
 * the client's end of sending until the response is complete or the connection is gone.
 */
export function probeAfterEnd({ socket }: IncomingMessage, outgoing: ServerResponse, probe: () => void): void {
  let probing: NodeJS.Timeout | undefined;
  let isOver = false;
  const probeOnce = () => inItsTurn(() => isOver || probe());
  const onEnd = () => {
    probing = setInterval(probeOnce, DEPARTURE_PROBE_INTERVAL);
    probeOnce();
  };
  const stop = () => {
    isOver = true;
    clearInterval(probing);
    socket.off("end", onEnd).off("close", stop);
    outgoing.off("close", stop);
  };
  // One for each request pipelined on the connection.
  socket.setMaxListeners(0);
  socket.once("close", stop);
  outgoing.once("close", stop);
  if (socket.readableEnded) onEnd();
  else socket.once("end", onEnd);
}

/** Aborts when the client of a waiting request is gone. Requests of one connection of HTTP/1 share the signal. */
export function departureOf(incoming: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  if (incoming.httpVersionMajor > 1) return streamDeparture(incoming, outgoing);
  const { socket } = incoming;
  let connection = connections.get(socket);
  if (connection === undefined) {
    connection = new ConnectionDeparture(socket);
    connections.set(socket, connection);
  }
  connection.add(incoming, outgoing);
  return connection.signal;
}

const connections = new WeakMap<Socket, ConnectionDeparture>();

/**
 * The departure of the client of a connection. Interim responses (RFC 9110, 15.2) are the probe after its half-close; HTTP/1.0 has
 * none, and there a half-close counts as a departure.
 */
class ConnectionDeparture {
  readonly #departure = new AbortController();
  readonly #socket: Socket;
  readonly #waiting = new Set<ServerResponse>();
  #isHttp10 = false;
  #probing: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    // One for each request that is pipelined.
    setMaxListeners(0, this.signal);
    if (socket.destroyed) this.#leave();
    else socket.once("close", () => this.#leave()).once("end", () => this.#startProbing());
  }

  get signal(): AbortSignal {
    return this.#departure.signal;
  }

  add({ httpVersion }: IncomingMessage, outgoing: ServerResponse): void {
    this.#isHttp10 = httpVersion === "1.0";
    this.#waiting.add(outgoing);
    outgoing.once("close", () => this.#waiting.delete(outgoing));
    if (this.#socket.readableEnded) this.#startProbing();
  }

  #startProbing(): void {
    if (this.#probing !== undefined || this.#waiting.size === 0) return;
    const probe = () => inItsTurn(() => this.#probe());
    this.#probing = setInterval(probe, DEPARTURE_PROBE_INTERVAL);
    probe();
  }

  #probe(): void {
    if (this.#waiting.size === 0) this.#stopProbing();
    else if (this.#isHttp10) this.#leave();
    else for (const outgoing of this.#waiting) if (!outgoing.headersSent) outgoing.writeProcessing();
  }

  #stopProbing(): void {
    clearInterval(this.#probing);
    this.#probing = undefined;
  }

  #leave(): void {
    this.#stopProbing();
    inItsTurn(() => this.#departure.abort(clientGone));
  }
}

/** A stream of HTTP/2 is a request. */
function streamDeparture({ socket }: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  const departure = new AbortController();
  const leave = () => {
    socket.off("close", leave);
    departure.abort(clientGone);
  };
  if (socket.destroyed) leave();
  else {
    socket.once("close", leave);
    outgoing.once("close", () => (outgoing.writableEnded ? socket.off("close", leave) : leave()));
  }
  return departure.signal;
}
