import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A network between a client and a server that can fail on demand. */
export interface FaultyNetwork extends AsyncDisposable {
  /** The server's URL through this network. */
  readonly url: string;
  /** From now on nothing arrives, in either direction, and nobody is told. */
  freeze(): void;
  /** From now on new connections are refused; those that are open go on. */
  refuse(): void;
}

/** Puts a proxy in front of the server at `serverUrl`. */
export async function faultyNetwork(serverUrl: string): Promise<FaultyNetwork> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let [isFrozen, isRefusing] = [false, false];
  const server = createServer((inbound) => {
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
      from.on("data", (data) => {
        if (!isFrozen) to.write(data);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    freeze: () => {
      isFrozen = true;
    },
    refuse: () => {
      isRefusing = true;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
