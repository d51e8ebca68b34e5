import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { DaoApp } from "../app/app.ts";
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
  /** Gets one line for what never reaches the app, such as bytes that are no HTTP. Default: errors only, as the app's. */
  readonly logger?: Logger | undefined;
  /** Connections at a time; one beyond is closed at once. Default 4,096. */
  readonly maxConnections?: number | undefined;
  /**
   * Milliseconds within which a client must take 10,000 bytes of a response, or all that is left of it, then as many again; else
   * its connection is reset. Only the time counts in which there is something to take. Default 60,000.
   */
  readonly sendTimeout?: number | undefined;
  /** Closed last of all when the server stops, with the milliseconds that it may take. */
  readonly database?: { close(timeout: number): Promise<void> } | undefined;
  /**
   * Milliseconds for which `/ready` answers 503 before new connections are refused, so that whoever sends requests here
   * learns of it. Default 500.
   */
  readonly stopDelay?: number | undefined;
  /** Milliseconds that stopping may take in all; what runs then is cut off. Default 10,000. */
  readonly gracePeriod?: number | undefined;
  /**
   * Called when a stop has closed the port for this process. Answers that wait for that go out when it resolves: where other
   * processes listen on the port too, once none does. Default: at once.
   */
  readonly whenPortIsClosed?: (() => Promise<void>) | undefined;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /**
   * Stops: `/ready` turns 503, new connections are refused, requests that are being answered finish, and the database is
   * closed. Called twice it stops once.
   */
  stop(): Promise<void>;
}

/**
 * Serves `app` by Node's own HTTP server.
 * @throws SettingsError when it cannot listen there, naming the port
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { app, host = "127.0.0.1", port = 8_000, logger = createLogger({ level: "error" }) } = options;
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT,
    // The app has a limit for bodies, in which its own time does not count.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
    connectionsCheckingInterval: 1_000,
    // Node's own answer has no body and no request id.
    requireHostHeader: false,
  });
  const connections = new OpenConnections(server);
  const malformed = new MalformedRequests(connections, logger);
  const listener =
    (answer: ReturnType<typeof toNodeListener>) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
      // Behind a request after which the connection closes nothing is responded to, so nothing may be done either.
      if (connections.isClosing(incoming.socket)) return;
      connections.follow(incoming, outgoing);
      // Whoever answers it in the end, app or not, it goes by one id.
      incoming.headers["x-request-id"] = requestIdOf(incoming.headers["x-request-id"]?.toString());
      const malformation = malformationOf(incoming);
      if (malformation !== undefined) {
        connections.closeAfter(incoming, outgoing);
        send(incoming, outgoing, refuse(malformation, requestOf(incoming), logger));
      } else connections.answer(() => answer(incoming, outgoing));
    };
  const onRequest = listener(toNodeListener(app.handle));
  server.on("request", onRequest);
  server.on("checkContinue", listener(toContinueListener(app.handle)));
  // The app refuses every other expectation, once it knows who asks.
  server.on("checkExpectation", onRequest);
  server.on("clientError", (error, socket) => malformed.answer(error, socket));
  server.on("connect", (incoming: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => undefined);
    afterAll(connections.exchangesOn(socket), () => {
      if (socket.writable && !connections.isClosing(incoming.socket))
        writeRefusal(socket, refuse(noProxy(), requestOf(incoming), logger));
    });
  });
  // Such as h2c, which Java's client offers with its first request: declined by going on with HTTP/1.1 (RFC 9110, 7.8).
  server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, rest: Buffer) => {
    const bytes = withoutUpgrade(incoming, rest);
    const onError = () => socket.destroy();
    socket.on("error", onError);
    afterAll(connections.exchangesOn(socket), () => {
      if (socket.destroyed || connections.isClosing(incoming.socket)) return;
      socket.off("error", onError);
      readAgain(server, socket, bytes);
    });
  });
  // A client may close its side of the connection as soon as it has sent its request; Node has no option for it.
  Reflect.set(server, "httpAllowHalfOpen", true);
  // As many as the limit of their size allows; Node would drop those beyond 2,000 in silence, a precondition among them.
  server.maxHeadersCount = 0;
  // By Node's own limit a cluster would hand the connection on from process to process, for ever.
  const { maxConnections = MAX_CONNECTIONS } = options;
  server.on("connection", (socket: Socket) => {
    if (connections.count > maxConnections) socket.destroy();
  });
  const { sendTimeout = SEND_TIMEOUT } = options;
  const look = setInterval(
    () => connections.resetSlowReaders(sendTimeout),
    Math.min(SEND_CHECK_INTERVAL, sendTimeout / 4),
  ).unref();
  server.once("close", () => clearInterval(look));
  await listenOn(server, host, port);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopServer(server, connections, options);
    return stopped;
  };
  return { url: urlOf(server), stop, [Symbol.asyncDispose]: stop };
}

function noProxy(): HttpError {
  return new HttpError("method_not_allowed", "This service is no proxy: it does not answer CONNECT.", {
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
      return new SettingsError([`HOST ${host} is no address of this machine, so port ${port} cannot be opened there.`]);
    default:
      return error;
  }
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}
