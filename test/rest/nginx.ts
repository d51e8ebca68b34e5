import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = process.env["NGINX_PATH"] ?? "nginx";

/** Whether this machine has nginx: Debian's package of that name, or what NGINX_PATH names. */
export function hasNginx(): boolean {
  return spawnSync(program, ["-v"]).status === 0;
}

/** An nginx on a free port of 127.0.0.1, with nothing set but what the test is about. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
}

/** @param locations what stands in its `server` */
export async function startNginx(locations: string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "nginx-test-"));
  const port = await freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const config = `
    daemon off;
    master_process off;
    pid ${folder}/pid;
    error_log ${folder}/error.log;
    events {}
    http {
      access_log off;
      ${paths.join("\n")}
      server { listen 127.0.0.1:${port}; ${locations} }
    }`;
  await writeFile(join(folder, "nginx.conf"), config);
  const nginx = spawn(program, ["-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf")], { stdio: "pipe" });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    if (nginx.exitCode === null && nginx.signalCode === null) {
      nginx.kill();
      await once(nginx, "exit");
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await untilItAnswers(nginx, url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

async function untilItAnswers(nginx: ChildProcess, url: string): Promise<void> {
  let complaint = "";
  nginx.stderr?.on("data", (data) => {
    complaint += data;
  });
  for (const end = performance.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (nginx.exitCode !== null || performance.now() > end) throw new Error(`nginx does not start. ${complaint}`);
    const isThere = await fetch(`${url}/is-there`, { redirect: "manual" }).then(
      () => true,
      () => false,
    );
    if (isThere) return;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
