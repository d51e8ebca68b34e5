import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../../scripts/postgres/free-port.ts";

/** A running nginx before a service. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
}

/** Whether it is there: `apt-get install nginx`. */
export const hasNginx = spawnSync("nginx", ["-v"]).error === undefined;

/**
 * Starts nginx on a free port, with a folder of its own and nothing of the machine's configuration.
 * @param settings directives of its `server`, beside those that pass everything on to `upstream`
 */
export async function startNginx(upstream: string, settings = ""): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "flux-nginx-"));
  const port = await findFreePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  await writeFile(
    join(folder, "nginx.conf"),
    `daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; events {}
     http { access_log off; ${paths.join(" ")}
       server { listen 127.0.0.1:${port}; ${settings}
         location / { proxy_pass ${upstream}; } } }`,
  );
  const child: ChildProcess = spawn("nginx", ["-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr?.on("data", (text) => {
    output += text;
  });
  const url = `http://127.0.0.1:${port}`;
  while ((await fetch(`${url}/health`).catch(() => undefined)) === undefined) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}:\n${output}`);
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.kill("SIGQUIT");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
