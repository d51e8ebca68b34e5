import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ClientGoneError } from "../http/problem.ts";
import { DEPARTURE_PROBE_INTERVAL, DEPARTURES_IN_TURN } from "../wire/limits.ts";

const pending: (() => void)[] = [];
let isScheduled = false;

/**
 * Runs at most {@link DEPARTURES_IN_TURN} per turn of the event loop: when a proxy stops, all its clients disconnect at once.
 * Latest first: its request is still waiting, and the end of an earlier one would only start it.
 */
function inItsTurn(work: () => void): void {
  pending.push(work);
  if (!isScheduled) setImmediate(runLatest);
  isScheduled = true;
}

function runLatest(): void {
  const latest = pending.splice(-DEPARTURES_IN_TURN).reverse();
  // Before the work, so that an error in it does not stop the others.
  isScheduled = pending.length > 0;
  if (isScheduled) setImmediate(runLatest);
  for (const work of latest) work();
}

/** One for all: creating an error is expensive because of its stack. */
const clientGone = new ClientGoneError();

/** Aborts when the client of a waiting request disconnects. Requests of one HTTP/1 connection share the signal. */
export function departureOf(incoming: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  if (!hasConnection(incoming)) return streamDeparture(incoming, outgoing);
  const departure = ConnectionDeparture.of(incoming.socket);
  const probe = () => {
    if (outgoing.headersSent) return;
    // An interim response (RFC 9110, 15.2). HTTP/1.0 has none, so there a half-close counts as a disconnect.
    if (incoming.httpVersion === "1.0") departure.leave();
    else outgoing.writeProcessing();
  };
  departure.probeBy(outgoing, probe);
  return departure.signal;
}

/** Not an HTTP/2 stream, nor the event of a function (`serverless-express`), whose socket emits nothing. */
const hasConnection = ({ httpVersionMajor, socket }: IncomingMessage) => httpVersionMajor === 1 && "once" in socket;

/** Makes an idle NDJSON stream notice that its client has disconnected, by empty lines, which readers ignore. */
export function probeByLines(incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (!hasConnection(incoming)) return;
  ConnectionDeparture.of(incoming.socket).probeBy(outgoing, () => {
    if (!outgoing.writableEnded && outgoing.writableLength === 0) outgoing.write("\n");
  });
}

/** Detects that a client has disconnected. That looks like a half-close until something is sent, so probes follow its FIN. */
class ConnectionDeparture {
  static readonly #all = new WeakMap<Socket, ConnectionDeparture>();
  readonly #departure = new AbortController();
  readonly #socket: Socket;
  readonly #probes = new Map<ServerResponse, () => void>();
  #probing: NodeJS.Timeout | undefined;

  static of(socket: Socket): ConnectionDeparture {
    let departure = ConnectionDeparture.#all.get(socket);
    if (departure === undefined) {
      departure = new ConnectionDeparture(socket);
      ConnectionDeparture.#all.set(socket, departure);
    }
    return departure;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    // One listener for each pipelined request.
    setMaxListeners(0, this.signal);
    if (socket.destroyed) this.leave();
    else socket.once("close", () => this.leave()).once("end", () => this.#startProbing());
  }

  get signal(): AbortSignal {
    return this.#departure.signal;
  }

  /** @param probe sends something meaningless; replaces an earlier probe of this response */
  probeBy(outgoing: ServerResponse, probe: () => void): void {
    this.#probes.set(outgoing, probe);
    outgoing.once("close", () => this.#probes.delete(outgoing));
    if (this.#socket.readableEnded) this.#startProbing();
  }

  leave(): void {
    inItsTurn(() => this.#departure.abort(clientGone));
  }

  #startProbing(): void {
    if (this.#probing !== undefined || this.#probes.size === 0) return;
    const probe = () => inItsTurn(() => this.#probe());
    this.#probing = setInterval(probe, DEPARTURE_PROBE_INTERVAL);
    probe();
  }

  #probe(): void {
    for (const probe of this.#probes.values()) probe();
    // A response that begins when its client is gone does not close: it has.
    if (this.#probes.size > 0 && !this.#socket.destroyed) return;
    clearInterval(this.#probing);
    this.#probing = undefined;
  }
}

/** For a request that shares its connection with no other, as far as it knows. */
function streamDeparture({ socket }: IncomingMessage, outgoing: ServerResponse): AbortSignal {
  const departure = new AbortController();
  const leave = () => outgoing.writableEnded || departure.abort(clientGone);
  if (socket.destroyed) leave();
  else outgoing.once("close", leave);
  return departure.signal;
}
