import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { DaoApp } from "../app/app.ts";
import { connectionStorm } from "../app/concurrency-limit.ts";
import { createLogger, type Logger } from "../app/log.ts";
import { requestIdOf } from "../http/http-message.ts";
import * as limits from "../wire/limits.ts";
import { OpenConnections } from "./connections.ts";
import { handleIrregularRequests, malformationOf, refuse } from "./irregular-requests.ts";
import { send, toContinueListener, toNodeListener } from "./listener.ts";
import { SettingsError } from "./settings-error.ts";

export interface ServerOptions {
  readonly app: DaoApp;
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string | undefined;
  /** Default 8000; 0 chooses a free one. */
  readonly port?: number | undefined;
  /** Receives one line for each request that never reaches the app, such as bytes that are not HTTP. Default: errors only. */
  readonly logger?: Logger | undefined;
  /** Connections at a time; further ones are closed immediately. Default 4,096. */
  readonly maxConnections?: number | undefined;
  /**
   * Milliseconds within which a client must receive 10,000 bytes of a response, or the rest of it, then another 10,000; otherwise
   * its connection is reset. Only time in which there is something to send counts. Default 60,000.
   */
  readonly sendTimeout?: number | undefined;
  /** Milliseconds that an idle connection stays open; longer than proxies keep theirs. Default 65,000. */
  readonly keepAliveTimeout?: number | undefined;
  /** Closed last when the server stops, with the milliseconds that this may take. */
  readonly database?: { close(timeout: number): Promise<void> } | undefined;
  /**
   * Milliseconds from the 503 of `/ready` until connections are refused, so that a load balancer notices; at most half of the grace
   * period. Default 500.
   */
  readonly stopDelay?: number | undefined;
  /** Milliseconds for the whole stop; requests still running then are aborted. Default 10,000. */
  readonly gracePeriod?: number | undefined;
  /** Other processes that listen on the port, for which a stop waits. Default: none. */
  readonly sharedPort?: SharedPort | undefined;
}

/** A port on which several processes listen, by `node:cluster`. */
export interface SharedPort {
  /** Resolves when this process has been handed its part of the connections that have arrived so far. */
  whenHandedOver(): Promise<void>;
  /** Called when a stop has closed the port for this process. Held responses are sent when it resolves: when none listens. */
  whenClosed(): Promise<void>;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Stops: `/ready` is 503, new connections are refused, requests in flight finish, the database closes. Repeatable. */
  stop(): Promise<void>;
}

/** Serves `app` by Node's own HTTP server. @throws TypeError for an invalid limit; SettingsError if it cannot listen, naming the port */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  limits.checkLimits(options, { maxConnections: 1, sendTimeout: 1, keepAliveTimeout: 1, stopDelay: 0, gracePeriod: 1 });
  const { app, host = "127.0.0.1", port = 8_000, logger = createLogger({ level: "error" }) } = options;
  const server = createServer({
    headersTimeout: limits.HEADERS_TIMEOUT,
    // The app limits bodies itself, without counting its own time.
    requestTimeout: 0,
    keepAliveTimeout: options.keepAliveTimeout ?? limits.KEEP_ALIVE_TIMEOUT,
    connectionsCheckingInterval: 1_000,
    // Node's own response has neither a body nor a request id.
    requireHostHeader: false,
  });
  const connections = new OpenConnections(server);
  handleIrregularRequests(server, connections, logger);
  const listener =
    (handle: ReturnType<typeof toNodeListener>) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
      // After a request that closes the connection, further ones get no response, so they must have no effect.
      if (!connections.track(incoming, outgoing)) return;
      // The same id, whether or not the request reaches the app.
      incoming.headers["x-request-id"] = requestIdOf(incoming.headers["x-request-id"]?.toString());
      const malformation = malformationOf(incoming);
      if (malformation !== undefined) {
        connections.closeAfter(incoming, outgoing);
        send(incoming, outgoing, refuse(malformation, incoming, logger));
      } else connections.handle(() => handle(incoming, outgoing));
    };
  const onRequest = listener(toNodeListener(app.handle));
  server.on("request", onRequest);
  server.on("checkContinue", listener(toContinueListener(app.handle)));
  // The app rejects every other expectation, after authentication.
  server.on("checkExpectation", onRequest);
  // A client may close its side of the connection after its request; Node has no option for that.
  Reflect.set(server, "httpAllowHalfOpen", true);
  // Limited by size only; Node would silently drop those beyond 2,000, possibly a precondition.
  server.maxHeadersCount = 0;
  // With Node's own limit, a cluster would pass the connection from process to process endlessly.
  const { maxConnections = limits.MAX_CONNECTIONS } = options;
  server.on("connection", (socket: Socket) => {
    connectionStorm.accepted();
    if (connections.count > maxConnections) socket.destroy();
  });
  const { sendTimeout = limits.SEND_TIMEOUT } = options;
  const check = setInterval(
    () => connections.resetSlowReaders(sendTimeout),
    Math.min(limits.SEND_CHECK_INTERVAL, sendTimeout / 4),
  ).unref();
  server.once("close", () => clearInterval(check));
  server.listen({ host, port });
  await once(server, "listening").catch((error) => {
    throw explainListenError(error, host, port);
  });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopServer(server, connections, options);
    return stopped;
  };
  return { url: urlOf(server), stop, [Symbol.asyncDispose]: stop };
}

function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const notHere = `HOST ${host} is not an address of this machine, so port ${port} cannot be opened there.`;
  const explanations: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} on ${host} is in use. Stop what listens there, or set PORT to another.`,
    EACCES: `Port ${port} on ${host} may not be used by this account. Set PORT to one above 1023.`,
    EADDRNOTAVAIL: notHere,
    // A link-local address without its interface, fe80::1%eth0.
    EINVAL: notHere,
    ENOTFOUND: notHere,
    EAI_AGAIN: notHere,
  };
  const explanation = explanations[error.code ?? ""];
  return explanation === undefined ? error : new SettingsError([explanation]);
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

/** Stops a server without dropping requests, within the grace period. */
async function stopServer(server: Server, connections: OpenConnections, options: ServerOptions): Promise<void> {
  const { app, database, stopDelay = limits.STOP_DELAY, gracePeriod = limits.GRACE_PERIOD, sharedPort } = options;
  const cutOff = performance.now() + gracePeriod - Math.min(limits.CLOSING_TIME, gracePeriod / 4);
  app.announceStop();
  connections.announceClose();
  await delay(Math.min(stopDelay, gracePeriod / 2));
  let isClosed = false;
  await untilQuiet(connections, (cutOff - performance.now()) / 2, sharedPort);
  closePort(server, () => {
    isClosed = true;
  });
  await sharedPort?.whenClosed();
  // Later they would be carried out, but get no response.
  if (performance.now() < cutOff) connections.release();
  while (!isClosed && performance.now() < cutOff) {
    await delay(10);
    // Right after incoming data was read, so that a request is noticed before its connection counts as idle.
    await nextTurn();
    connections.closeIdle(Math.max(stopDelay, limits.MIN_IDLE));
  }
  connections.closeAll();
  await database?.close(Math.max(0, cutOff - performance.now()));
}

/**
 * Waits until new connections are unlikely, since closing the port resets unaccepted ones. Responses wait as well, since clients
 * reconnect. It waits for some turns of the event loop, not for a time: after a pause of the process several connections may have
 * come, of which each turn accepts one.
 * @param longest milliseconds, for clients that never stop to connect
 */
async function untilQuiet(connections: OpenConnections, longest: number, sharedPort?: SharedPort): Promise<void> {
  connections.hold();
  const from = performance.now();
  const isQuiet = () => performance.now() - Math.max(from, connections.lastOpened) >= limits.PORT_QUIET;
  for (let turn = 0; turn < limits.PORT_QUIET_TURNS && !isQuiet() && performance.now() - from < longest; turn++) {
    await delay(2);
    await sharedPort?.whenHandedOver();
    await nextTurn();
  }
}

/** The HTTP server's own close would close idle connections, even those on which a request is arriving. */
function closePort(server: Server, onClosed: () => void): void {
  if (process.versions["bun"] === undefined) NetServer.prototype.close.call(server, onClosed);
  else server.close(onClosed); // which is no NetServer there
}
