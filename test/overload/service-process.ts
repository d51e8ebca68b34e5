import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { Child } from "../../bench/processes/child.ts";
import type { LoadCommands } from "./load.ts";
import type { MemoryCommands } from "./report-memory.ts";

const root = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

export const SERVICE_KEY = "a-key-of-the-load";

/** The programs of these tests, compiled as they are shipped: what `tsx` adds to a process would be measured too. */
export interface Programs extends AsyncDisposable {
  startService(environment: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  startLoad(): Child<LoadCommands>;
}

/** The service by its command, in a process of its own. */
interface ServiceProcess {
  readonly port: number;
  readonly child: Child<MemoryCommands>;
}

export async function buildPrograms(): Promise<Programs> {
  const folder = await mkdtemp(join(tmpdir(), "flux-dao-overload-"));
  await build({
    entry: {
      cli: root("packages/dao-http/src/cli.ts"),
      load: root("test/overload/load.ts"),
      memory: root("test/overload/report-memory.ts"),
    },
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    tsconfig: root("tsconfig.json"),
    config: false,
    silent: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // Each stands alone; only the embedded database, which these do not use, is left out.
    noExternal: [/.*/],
    external: ["@electric-sql/pglite"],
    banner: { js: 'import { createRequire as here } from "node:module"; const require = here(import.meta.url);' },
  });
  return {
    startService: (environment) => startService(folder, environment),
    startLoad: () => new Child<LoadCommands>(join(folder, "load.mjs")),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function startService(folder: string, environment: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const child = new Child<MemoryCommands>(join(folder, "cli.mjs"), {
      args: ["serve"],
      env: {
        PORT: "0",
        SERVICE_API_KEYS: JSON.stringify({ load: SERVICE_KEY }),
        NODE_ENV: "production",
        ...environment,
      },
      nodeArgs: ["--expose-gc", "--import", join(folder, "memory.mjs")],
      onErrorLine: (line) => {
        said.push(line);
        const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port !== undefined) resolve({ port: Number(port), child });
      },
    });
    child.ended.then((how) => reject(new Error(`The service ended (${how}): ${said.join("\n")}`)));
  });
}
