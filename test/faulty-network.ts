import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** Where to cut a connection. */
interface Cut {
  /** How many chunks of the server's responses pass first, over all connections. */
  readonly after: number;
  /** How much of the interrupted chunk passes, from 0 to 1. */
  readonly share: number;
  /** Whether both ends see a reset instead of an orderly close. */
  readonly reset: boolean;
}

/** A network between a client and a server that can fail on demand. */
export interface FaultyNetwork extends AsyncDisposable {
  /** The server's URL through this network. */
  readonly url: string;
  /** How many connections were opened. */
  readonly begun: number;
  /** Stops all data in both directions, without notifying either end. */
  freeze(): void;
  /** Stops all data in both directions on the open connections; new ones are unaffected. */
  freezeOpen(): void;
  /** Ends a freeze: delivers the data held up, and what follows. */
  thaw(): void;
  /** Resets new connections; open ones continue. */
  refuse(): void;
  /** Ends {@link refuse}. */
  accept(): void;
  /** Cuts one connection in the middle of a response; resolves when it is cut. */
  cut(where: Cut): Promise<void>;
  /** Cuts every connection; new ones are refused, as if no server listens. */
  leave(): Promise<void>;
  /** Ends {@link leave}. */
  comeBack(): Promise<void>;
}

/** Puts a proxy in front of the server at `serverUrl`. */
export async function faultyNetwork(serverUrl: string): Promise<FaultyNetwork> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const cuts = new Set<(answer: Buffer, inbound: Socket, outbound: Socket) => boolean>();
  let [isFrozen, isRefusing] = [false, false];
  let begun = 0;
  let server: Server | undefined;

  const relay = (inbound: Socket) => {
    begun++;
    if (isRefusing) {
      inbound.resetAndDestroy();
      return;
    }
    const outbound = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("data", (data) => {
        if (from === outbound) for (const cut of cuts) if (cut(data, inbound, outbound)) return;
        to.write(data);
      });
      if (isFrozen) from.pause();
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  };
  const listen = async (port: number): Promise<number> => {
    server = createServer(relay).listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const leave = async () => {
    const closed = server?.listening ? once(server, "close") : undefined;
    server?.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  const port = await listen(0);
  const url = new URL(target);
  url.port = String(port);
  return {
    url: url.href,
    get begun() {
      return begun;
    },
    freeze: () => {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    freezeOpen: () => {
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    refuse: () => {
      isRefusing = true;
    },
    accept: () => {
      isRefusing = false;
    },
    cut: ({ after, share, reset }) =>
      new Promise((resolve) => {
        let remaining = after;
        const cut = (answer: Buffer, inbound: Socket, outbound: Socket) => {
          if (remaining-- > 0) return false;
          cuts.delete(cut);
          // The data that passes must be flushed first: closing drops the rest.
          inbound.write(answer.subarray(0, Math.floor(answer.length * share)), () => {
            for (const socket of [inbound, outbound]) {
              if (reset) socket.resetAndDestroy();
              else socket.destroy();
            }
            resolve();
          });
          outbound.pause();
          return true;
        };
        cuts.add(cut);
      }),
    leave,
    comeBack: async () => {
      await listen(port);
    },
    [Symbol.asyncDispose]: leave,
  };
}
