import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isListening } from "../../packages/dao-core/test/is-listening.ts";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { findServerAccount, identityOf, type ServerAccount } from "../../scripts/postgres/server-account.ts";
import { askUntil } from "../ask-until.ts";
import { signalServer } from "../faults/process-group.ts";
import { hasProgram, type RunningProxy, startProxy } from "../proxies/proxy.ts";
import { type Cluster, synchronous, type Takeover, until, writable } from "./cluster.ts";

const BINARIES = process.env["POSTGRES_BINARIES"] ?? "/usr/lib/postgresql/15/bin";

/** Whether this machine has what a Patroni cluster needs: Debian's packages patroni, etcd-server, haproxy and postgresql-15. */
export const hasPatroni = [
  ["patroni", "--version"],
  ["etcd", "--version"],
  ["haproxy", "-v"],
  [`${BINARIES}/pg_rewind`, "--version"],
].every(([command = "", flag = ""]) => hasProgram(command, flag));

/** Seconds for a server to be started, or to take over: its lease, ttl, is 20. */
const PATIENCE = 120;

const PASSWORD = "secret";

interface Node {
  readonly name: string;
  readonly port: number;
  readonly apiPort: number;
  readonly folder: string;
  process?: ChildProcess | undefined;
}

/** Two PostgreSQL servers under Patroni in its synchronous mode, with etcd, and HAProxy before them. */
export class PatroniCluster implements Cluster {
  readonly describe = "PostgreSQL 15 under Patroni, synchronous_mode, ttl 20; etcd, HAProxy that checks twice a second";
  readonly #folder: string;
  readonly #account: ServerAccount | undefined;
  readonly #nodes: Node[] = [];
  readonly #proxies: RunningProxy[] = [];
  #primary = 0;

  private constructor(folder: string, account: ServerAccount | undefined) {
    this.#folder = folder;
    this.#account = account;
  }

  static async start(): Promise<PatroniCluster> {
    const folder = await mkdtemp(join(tmpdir(), "flux-patroni-"));
    await chmod(folder, 0o777);
    const cluster = new PatroniCluster(folder, await findServerAccount());
    try {
      await cluster.#start();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get primaryUrl(): string {
    return this.#urlOf(this.#primary);
  }

  get urls(): Record<string, string> {
    const hosts = this.#nodes.map(({ port }) => `127.0.0.1:${port}`).join(",");
    return {
      HAProxy: urlAt(new URL(this.#proxies[1]?.url ?? "").host),
      "both servers in the URL": `${urlAt(hosts)}?target_session_attrs=read-write`,
    };
  }

  async failOver(): Promise<Takeover> {
    const node = this.#nodes[this.#primary];
    if (node?.process === undefined) throw new Error("The primary is gone.");
    const [pid] = (await readFile(join(node.folder, "data", "postmaster.pid"), "utf8")).split("\n");
    // As a machine fails: Patroni must not start the server again, or hand over the lease.
    node.process.kill("SIGKILL");
    await signalServer(Number(pid), "SIGKILL");
    const killedAt = performance.now();
    node.process = undefined;
    this.#primary = 1 - this.#primary;
    return { killedAt, writableAt: await writable(this.primaryUrl, PATIENCE) };
  }

  async rejoin(): Promise<void> {
    const standby = this.#nodes[1 - this.#primary];
    if (standby !== undefined) this.#run(standby);
    await this.#synchronous();
  }

  /** Resolves when commits wait for the standby, and Patroni would let it take over. */
  async #synchronous(): Promise<void> {
    await synchronous(this.primaryUrl, PATIENCE);
    const url = `http://127.0.0.1:${this.#nodes[1 - this.#primary]?.apiPort}/synchronous`;
    const isKnown = () => fetch(url).then(({ ok }) => ok);
    if (!(await askUntil(isKnown, (isIt) => isIt, { limit: PATIENCE * 1_000 }))) throw new Error(`${url} is not so.`);
  }

  async #start(): Promise<void> {
    const peerPort = await findFreePort();
    const etcd = await startProxy({
      command: "etcd",
      args: (file) => ["--config-file", file],
      isThere: isListening,
      configuration: (folder, port) =>
        JSON.stringify({
          name: "one",
          "enable-grpc-gateway": true,
          "data-dir": `${folder}/data`,
          "listen-client-urls": `http://127.0.0.1:${port}`,
          "advertise-client-urls": `http://127.0.0.1:${port}`,
          "listen-peer-urls": `http://127.0.0.1:${peerPort}`,
          "initial-advertise-peer-urls": `http://127.0.0.1:${peerPort}`,
          "initial-cluster": `one=http://127.0.0.1:${peerPort}`,
        }),
    });
    this.#proxies.push(etcd);
    for (const name of ["one", "two"]) {
      const node = await this.#createNode(name, new URL(etcd.url).host);
      this.#nodes.push(node);
      this.#run(node);
      // The first one begins as the primary.
      await until(this.#urlOf(this.#nodes.length - 1), PATIENCE, (sql) => sql`select`);
    }
    await until(this.primaryUrl, PATIENCE, (sql) => sql`create table probes (at timestamptz default now())`);
    await this.#synchronous();
    const servers = this.#nodes.map(
      ({ name, port, apiPort }) => `server ${name} 127.0.0.1:${port} check port ${apiPort}`,
    );
    const haproxy = await startProxy({
      command: "haproxy",
      args: (file) => ["-db", "-f", file],
      isThere: isListening,
      configuration: (_, port) => `
        defaults
          mode tcp
          timeout connect 2s
          timeout client 1h
          timeout server 1h
        listen primary
          bind 127.0.0.1:${port}
          option httpchk OPTIONS /primary
          http-check expect status 200
          default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
          ${servers.join("\n          ")}
`,
    });
    this.#proxies.push(haproxy);
    // At first it takes every server for one that is fit.
    const url = urlAt(new URL(haproxy.url).host);
    for (let inRow = 0; inRow < 2 * servers.length; ) {
      inRow = await writable(url, 0).then(
        () => inRow + 1,
        () => 0,
      );
    }
  }

  async #createNode(name: string, etcd: string): Promise<Node> {
    const folder = join(this.#folder, name);
    const node = { name, port: await findFreePort(), apiPort: await findFreePort(), folder };
    const authentication = { username: "postgres", password: PASSWORD };
    const configuration = {
      scope: "flux",
      name,
      restapi: { listen: `127.0.0.1:${node.apiPort}`, connect_address: `127.0.0.1:${node.apiPort}` },
      etcd3: { host: etcd },
      bootstrap: {
        dcs: {
          ttl: 20,
          loop_wait: 2,
          retry_timeout: 5,
          synchronous_mode: true,
          postgresql: { use_pg_rewind: true, parameters: { max_connections: 60, wal_keep_size: "1GB" } },
        },
        initdb: [{ encoding: "UTF8" }, { locale: "C" }],
      },
      postgresql: {
        listen: `127.0.0.1:${node.port}`,
        connect_address: `127.0.0.1:${node.port}`,
        data_dir: `${folder}/data`,
        bin_dir: BINARIES,
        pgpass: `${folder}/pgpass`,
        authentication: { superuser: authentication, replication: authentication, rewind: authentication },
        parameters: { unix_socket_directories: "" },
        pg_hba: ["host all all 127.0.0.1/32 scram-sha-256", "host replication all 127.0.0.1/32 scram-sha-256"],
      },
    };
    // JSON is YAML.
    const file = `${folder}.yml`;
    await writeFile(file, JSON.stringify(configuration));
    if (this.#account !== undefined) await chown(file, this.#account.uid, this.#account.gid);
    return node;
  }

  #run(node: Node): void {
    const env = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", HOME: this.#folder };
    const identity = identityOf(this.#account);
    node.process = spawn("patroni", [`${node.folder}.yml`], { cwd: "/", env, ...identity, stdio: "ignore" });
  }

  #urlOf(index: number): string {
    return urlAt(`127.0.0.1:${this.#nodes[index]?.port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process: child } of this.#nodes) {
      // Patroni stops its server.
      if (child?.kill("SIGTERM")) await once(child, "exit");
    }
    for (const proxy of this.#proxies.reverse()) await proxy[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function urlAt(hosts: string): string {
  return `postgres://postgres:${PASSWORD}@${hosts}/postgres`;
}
