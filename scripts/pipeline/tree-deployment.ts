import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { buildPackages } from "../build.ts";
import { findFreePort } from "../postgres/free-port.ts";
import { canUseDirectory, findServerAccount, identityOf, type ServerAccount } from "../postgres/server-account.ts";
import { startTestServer, type TestServer } from "../postgres/test-server.ts";
import { run } from "../run.ts";
import { makeDeployedTree } from "./deployed-tree.ts";
import { BEFORE_SERVING, type Deployment } from "./deployment.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

/** Megabytes: the base image takes about 140 of the image's 200. */
const LARGEST_TREE = 40;

/** Milliseconds within which the service must stop: the grace period in compose.yaml. */
const LONGEST_STOP = 15_000;

const DATABASE = "flux_dao_black_box";

/**
 * The image's files without the image, for machines without Docker: run from an empty folder, under an account that owns
 * nothing and can write nowhere there, with the image's settings.
 */
export async function openTreeDeployment(logFile: string): Promise<Deployment> {
  const account = await findServerAccount();
  const [folder, empty] = await Promise.all([
    mkdtemp(join(tmpdir(), "flux-dao-tree-")),
    mkdtemp(join(tmpdir(), "flux-dao-empty-")),
  ]);
  return new TreeDeployment(folder, empty, account, logFile);
}

class TreeDeployment implements Deployment {
  readonly artefact = "Deployed tree";
  readonly notTried = [
    "Docker itself, since no engine responds: the image build, its base image and size, compose.yaml," +
      " and the health check. The image's files were tested outside of it.",
  ];
  readonly #folder: string;
  readonly #empty: string;
  readonly #account: ServerAccount | undefined;
  readonly #logFile: string;
  #program = "";
  #server: TestServer | undefined;
  #service: ChildProcess | undefined;

  constructor(folder: string, empty: string, account: ServerAccount | undefined, logFile: string) {
    this.#folder = folder;
    this.#empty = empty;
    this.#account = account;
    this.#logFile = logFile;
  }

  async build() {
    await buildPackages(new AbortController().signal);
    const { path, packages, megabytes } = await makeDeployedTree(this.#folder);
    if (megabytes >= LARGEST_TREE) {
      throw new Error(`The tree has ${megabytes.toFixed(1)} MB; the limit is ${LARGEST_TREE} MB.`);
    }
    await run(["chmod", "-R", "a-w,a+rX", path]);
    await Promise.all([chmod(this.#folder, 0o755), chmod(this.#empty, 0o555)]);
    this.#program = join(path, "bin", "flux-dao.js");
    return { notes: [`${packages.length} packages, ${megabytes.toFixed(1)} MB (limit: ${LARGEST_TREE}).`] };
  }

  async start(key: string) {
    for (const folder of [join(this.#program, "..", ".."), this.#empty]) {
      if (await canUseDirectory(folder, this.#account)) throw new Error(`${folder} is writable.`);
    }
    this.#server = await startTestServer();
    await onServer(this.#server, `drop database if exists ${DATABASE} with (force)`);
    await onServer(this.#server, `create database ${DATABASE}`);
    const database = new URL(this.#server.url);
    database.pathname = `/${DATABASE}`;
    const port = await findFreePort();
    const options = {
      cwd: this.#empty,
      env: {
        PATH: process.env["PATH"],
        ...{ NODE_ENV: "production", HOST: "0.0.0.0", PORT: `${port}` },
        ...{ DATABASE_URL: database.href, SERVICE_API_KEYS: key },
      },
      ...identityOf(this.#account),
    };
    for (const command of BEFORE_SERVING) {
      const job = spawn(process.execPath, [this.#program, ...command], { ...options, stdio: "inherit" });
      const [code] = await once(job, "close");
      if (code !== 0) throw new Error(`flux-dao ${command.join(" ")} ended with ${code}.`);
    }

    const log = await open(this.#logFile, "w");
    const stdio = ["ignore", log.fd, log.fd] as const;
    const service = spawn(process.execPath, [this.#program, "serve"], { ...options, stdio: [...stdio] });
    await once(service, "spawn");
    await log.close();
    this.#service = service;
    // Killed together with this process, however it ends.
    process.on("exit", () => service.kill("SIGKILL"));
    const url = `http://127.0.0.1:${port}`;
    await waitUntilReady(url, () => hasEnded(service));
    const whose = this.#account === undefined ? "the caller's own account, which is not root" : this.#account.name;
    const notes = [`Runs as ${whose} from an empty folder, with nothing writable.`, `On ${this.#server.describe}.`];
    return { url, notes };
  }

  async stop() {
    const service = this.#service;
    if (service === undefined || hasEnded(service)) throw new Error("The service ended before it was stopped.");
    const start = performance.now();
    const ended = once(service, "close");
    service.kill("SIGTERM");
    await Promise.race([ended, delay(LONGEST_STOP, undefined, { ref: false })]);
    if (!hasEnded(service)) throw new Error(`The service still ran ${LONGEST_STOP / 1_000} s after SIGTERM.`);
    if (service.exitCode !== 0) {
      throw new Error(`After SIGTERM the service exited with ${service.exitCode ?? service.signalCode}, not with 0.`);
    }
    return { notes: [`Exit code 0 after ${((performance.now() - start) / 1_000).toFixed(1)} s.`] };
  }

  async [Symbol.asyncDispose]() {
    const service = this.#service;
    if (service !== undefined && !hasEnded(service)) {
      service.kill("SIGKILL");
      await once(service, "close");
    }
    if (this.#server !== undefined) {
      await onServer(this.#server, `drop database if exists ${DATABASE} with (force)`);
      await this.#server.stop();
    }
    await run(["chmod", "-R", "u+w", this.#folder, this.#empty]);
    await Promise.all([this.#folder, this.#empty].map((folder) => rm(folder, { recursive: true })));
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

async function onServer({ url }: TestServer, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
