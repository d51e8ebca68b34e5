import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A network between the service and its database that fails on command. */
export interface DatabaseProxy extends AsyncDisposable {
  /** The database's URL by way of here. */
  readonly url: string;
  /** From now on nothing gets through, in either direction, and nobody is told. */
  freeze(): void;
  /** Lets through what was held up, and what comes. */
  thaw(): void;
  /** Breaks every connection, and refuses new ones. */
  refuse(): Promise<void>;
  /** Takes connections again. */
  accept(): Promise<void>;
}

/** Starts a TCP proxy on 127.0.0.1 in front of the database at `databaseUrl`. */
export async function startDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let frozen = false;
  let server: Server | undefined;

  const onConnection = (client: Socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => to.write(chunk));
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (frozen) from.pause();
    }
  };
  const listen = async (port: number) => {
    server = createServer(onConnection).listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy has no TCP port.");
    return address.port;
  };
  const refuse = async () => {
    const closed = server === undefined ? undefined : once(server, "close");
    server?.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    server = undefined;
  };

  const port = await listen(0);
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.resume();
    },
    refuse,
    accept: async () => {
      await listen(port);
    },
    [Symbol.asyncDispose]: refuse,
  };
}
