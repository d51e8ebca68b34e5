import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../scripts/postgres/free-port.ts";
import { askUntil } from "../ask-until.ts";

/** A running proxy in front of a service. */
export interface RunningProxy extends AsyncDisposable {
  readonly url: string;
}

/** How a proxy is started. */
export interface ProxyProgram {
  readonly command: string;
  /** The configuration of one that listens on this port of 127.0.0.1, and keeps all of its files in this folder. */
  readonly configuration: (folder: string, port: number) => string;
  readonly args: (file: string, folder: string) => readonly string[];
  /** Whether it accepts connections. Default: whether it responds by HTTP. */
  readonly isThere?: (port: number) => Promise<boolean>;
}

/**
 * Whether this machine has the program: Debian's package, or the path in the environment. Reports what is not tested without
 * it.
 */
export function hasProgram(command: string, versionFlag: string): boolean {
  if (spawnSync(command, [versionFlag]).status === 0) return true;
  // Not by the console, which the runner shows for failed tests only.
  process.stderr.write(`NOT TESTED: the service behind ${command}, which is not installed here.\n`);
  return false;
}

const respondsByHttp = (port: number) =>
  fetch(`http://127.0.0.1:${port}/is-there`, { redirect: "manual" }).then(
    () => true,
    () => false,
  );

/** Starts a proxy on a free port, with a folder of its own and no configuration of the machine's. */
export async function startProxy(program: ProxyProgram): Promise<RunningProxy> {
  const { command, configuration, args, isThere = respondsByHttp } = program;
  const folder = await mkdtemp(join(tmpdir(), "flux-proxy-"));
  // Workers of nginx and Apache may run as another user.
  await chmod(folder, 0o777);
  const port = await findFreePort();
  const file = join(folder, "proxy.conf");
  await writeFile(file, configuration(folder, port));
  const child = spawn(command, args(file, folder), { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (text) => {
    complaint += text;
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  if (
    !(await askUntil(
      () => isThere(port),
      (isUp) => isUp || child.exitCode !== null,
      { limit: 10_000 },
    ))
  ) {
    await stop();
    throw new Error(`${command} does not start. ${complaint}`);
  }
  return { url, [Symbol.asyncDispose]: stop };
}
