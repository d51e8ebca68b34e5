import { type ChildProcess, fork } from "node:child_process";
import { compilePrograms, type Programs } from "../../../test/programs.ts";

/** `migrate-process.ts`, compiled. */
export type MigrateProgram = Programs<"migrate">;

export function compileMigrateProgram(): Promise<MigrateProgram> {
  return compilePrograms({ migrate: "packages/dao-core/test/migrate-process.ts" });
}

/** Starts the program; it reports that it is ready, and waits for the command to start. */
export function startMigrateProgram(program: MigrateProgram, url: string): ChildProcess {
  return fork(program.file("migrate"), [url], { execArgv: [] });
}
