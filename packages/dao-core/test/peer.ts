import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type SecureContextOptions, TLSSocket } from "node:tls";

/** A scripted server. */
export interface Peer {
  readonly port: number;
  /** Stops listening, and resolves when the other side has closed all connections. */
  close(): Promise<void>;
}

/**
 * @param talk called with the first bytes of a connection
 * @param path the file of a Unix socket to listen on, instead of a free port
 */
export async function startPeer(talk: (socket: Socket, request: Buffer) => void, path?: string): Promise<Peer> {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", (request) => talk(socket, request));
  });
  server.listen(path === undefined ? { port: 0, host: "127.0.0.1" } : { path });
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

/** Accepts TLS, does the handshake, and passes on the encrypted socket. */
export function encrypt(socket: Socket, options: SecureContextOptions & { requestCert?: boolean }): TLSSocket {
  socket.write("S");
  const tls = new TLSSocket(socket, { ...options, isServer: true, rejectUnauthorized: false });
  return tls.on("error", () => {});
}
