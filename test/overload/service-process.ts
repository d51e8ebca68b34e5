import { Child } from "../../bench/processes/child.ts";
import { compilePrograms, type Programs } from "../programs.ts";
import type { HealthCommands } from "./health-probe.ts";
import type { LoadCommands } from "./load.ts";
import type { MemoryCommands } from "./report-memory.ts";

export const SERVICE_KEY = "a-key-of-the-load";

/** The command, the load, the memory report and the health probe, compiled. */
export type OverloadPrograms = Programs<"cli" | "load" | "memory" | "health">;

/** The service, run by its command in a process of its own. */
export interface ServiceProcess {
  readonly port: number;
  readonly child: Child<MemoryCommands>;
}

export function compileOverloadPrograms(): Promise<OverloadPrograms> {
  return compilePrograms({
    cli: "packages/dao-http/src/cli.ts",
    load: "test/overload/load.ts",
    memory: "test/overload/report-memory.ts",
    health: "test/overload/health-probe.ts",
  });
}

export function startLoad(programs: OverloadPrograms): Child<LoadCommands> {
  return new Child<LoadCommands>(programs.file("load"));
}

export function startHealthProbe(programs: OverloadPrograms): Child<HealthCommands> {
  return new Child<HealthCommands>(programs.file("health"));
}

export function startService(
  programs: OverloadPrograms,
  environment: Readonly<Record<string, string>>,
  nodeArgs: readonly string[] = [],
): Promise<ServiceProcess> {
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    const child = new Child<MemoryCommands>(programs.file("cli"), {
      args: ["serve"],
      env: {
        PORT: "0",
        SERVICE_API_KEYS: JSON.stringify({ load: SERVICE_KEY }),
        NODE_ENV: "production",
        ...environment,
      },
      nodeArgs: [...nodeArgs, "--expose-gc", "--import", programs.file("memory")],
      onErrorLine: (line) => {
        output.push(line);
        const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port !== undefined) resolve({ port: Number(port), child });
      },
    });
    child.ended.then((how) => reject(new Error(`The service ended (${how}): ${output.join("\n")}`)));
  });
}
