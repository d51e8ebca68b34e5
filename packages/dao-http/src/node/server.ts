import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { DaoApp } from "../app/app.ts";
import { connectionStorm } from "../app/connection-storm.ts";
import { createLogger, type Logger } from "../app/log.ts";
import { HttpError } from "../http/http-error.ts";
import { requestIdOf } from "../http/http-message.ts";
import {
  HEADERS_TIMEOUT,
  KEEP_ALIVE_TIMEOUT,
  MAX_CONNECTIONS,
  SEND_CHECK_INTERVAL,
  SEND_TIMEOUT,
} from "../wire/limits.ts";
import { OpenConnections } from "./connections.ts";
import { afterAll, malformationOf, readAgain, withoutUpgrade } from "./framing.ts";
import { stopServer } from "./graceful-shutdown.ts";
import { send, toContinueListener, toNodeListener } from "./listener.ts";
import { MalformedRequests, refuse, requestOf, writeRefusal } from "./malformed-request.ts";
import { SettingsError } from "./settings-error.ts";

export interface ServerOptions {
  readonly app: DaoApp;
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string | undefined;
  /** Default 8000; 0 takes any that is free. */
  readonly port?: number | undefined;
  /** Receives one line for what never reaches the app, such as bytes that are not HTTP. Default: errors only. */
  readonly logger?: Logger | undefined;
  /** Connections at a time; further ones are closed immediately. Default 4,096. */
  readonly maxConnections?: number | undefined;
  /**
   * Milliseconds within which a client must take 10,000 bytes of a response, or the rest of it, then another 10,000; otherwise its
   * connection is reset. Only time in which there is something to take counts. Default 60,000.
   */
  readonly sendTimeout?: number | undefined;
  /** Closed last when the server stops, with the milliseconds that this may take. */
  readonly database?: { close(timeout: number): Promise<void> } | undefined;
  /**
   * Milliseconds for which `/ready` responds with 503 before new connections are refused, so that a load balancer notices.
   * Default 500.
   */
  readonly stopDelay?: number | undefined;
  /** Milliseconds for the stop in all; requests still running then are cut off. Default 10,000. */
  readonly gracePeriod?: number | undefined;
  /**
   * Called when a stop has closed the port for this process. Held responses are sent when it resolves: if other processes listen
   * on the port too, once none does. Default: immediately.
   */
  readonly whenPortIsClosed?: (() => Promise<void>) | undefined;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /**
   * Stops: `/ready` responds with 503, new connections are refused, requests in flight finish, and the database is closed.
   * Further calls return the same promise.
   */
  stop(): Promise<void>;
}

/**
 * Serves `app` by Node's own HTTP server.
 * @throws SettingsError if it cannot listen there; the message names the port
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { app, host = "127.0.0.1", port = 8_000, logger = createLogger({ level: "error" }) } = options;
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT,
    // The app limits bodies itself, without counting its own time.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    connectionsCheckingInterval: 1_000,
    // Node's own response has neither a body nor a request id.
    requireHostHeader: false,
  });
  const connections = new OpenConnections(server);
  const malformed = new MalformedRequests(connections, logger);
  const listener =
    (handle: ReturnType<typeof toNodeListener>) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
      // After a request that closes the connection, further ones get no response, so they must have no effect.
      if (connections.isClosing(incoming.socket)) return;
      connections.track(incoming, outgoing);
      // One id, whether or not the request reaches the app.
      incoming.headers["x-request-id"] = requestIdOf(incoming.headers["x-request-id"]?.toString());
      const malformation = malformationOf(incoming);
      if (malformation !== undefined) {
        connections.closeAfter(incoming, outgoing);
        send(incoming, outgoing, refuse(malformation, requestOf(incoming), logger));
      } else connections.handle(() => handle(incoming, outgoing));
    };
  const onRequest = listener(toNodeListener(app.handle));
  server.on("request", onRequest);
  server.on("checkContinue", listener(toContinueListener(app.handle)));
  // The app rejects every other expectation, after authentication.
  server.on("checkExpectation", onRequest);
  server.on("clientError", (error, socket) => malformed.respond(error, socket));
  server.on("connect", (incoming: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => undefined);
    afterAll(connections.inFlightOn(socket), () => {
      if (socket.writable && !connections.isClosing(incoming.socket))
        writeRefusal(socket, refuse(noProxy(), requestOf(incoming), logger));
    });
  });
  // Such as h2c, which Java's client offers with its first request: continuing with HTTP/1.1 declines it (RFC 9110, 7.8).
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, rest: Buffer) => {
    const bytes = withoutUpgrade(incoming, rest);
    const onError = () => socket.destroy();
    socket.on("error", onError);
    afterAll(connections.inFlightOn(socket), () => {
      if (socket.destroyed || connections.isClosing(incoming.socket)) return;
      socket.off("error", onError);
      readAgain(server, socket, bytes);
    });
  });
  // A client may close its side of the connection after its request; Node has no option for that.
  Reflect.set(server, "httpAllowHalfOpen", true);
  // Limited by size only; Node would silently drop those beyond 2,000, possibly a precondition.
  server.maxHeadersCount = 0;
  // With Node's own limit, a cluster would pass the connection from process to process endlessly.
  const { maxConnections = MAX_CONNECTIONS } = options;
  server.on("connection", (socket: Socket) => {
    connectionStorm.accepted();
    if (connections.count > maxConnections) socket.destroy();
  });
  const { sendTimeout = SEND_TIMEOUT } = options;
  const check = setInterval(
    () => connections.resetSlowReaders(sendTimeout),
    Math.min(SEND_CHECK_INTERVAL, sendTimeout / 4),
  ).unref();
  server.once("close", () => clearInterval(check));
  await listenOn(server, host, port);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopServer(server, connections, options);
    return stopped;
  };
  return { url: urlOf(server), stop, [Symbol.asyncDispose]: stop };
}

function noProxy(): HttpError {
  return new HttpError("method_not_allowed", "This service is not a proxy: it does not support CONNECT.", {
    allow: "GET, HEAD, POST, PUT, PATCH, DELETE",
  });
}

function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => reject(explainListenError(error, host, port));
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function explainListenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new SettingsError([`Port ${port} on ${host} is in use. Stop what listens there, or set PORT to another.`]);
    case "EACCES":
      return new SettingsError([
        `Port ${port} on ${host} may not be used by this account. Set PORT to one above 1023.`,
      ]);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new SettingsError([
        `HOST ${host} is not an address of this machine, so port ${port} cannot be opened there.`,
      ]);
    default:
      return error;
  }
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
