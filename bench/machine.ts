import { availableParallelism, cpus, platform, totalmem } from "node:os";

/** What the figures depend on. Contains no name of a host or a user. */
export interface Machine {
  readonly date: string;
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  /** The load average before the bench: above some tenths, other work affects the figures. */
  readonly loadBefore: number;
  readonly platform: string;
  readonly node: string;
  readonly postgres: string;
}

export function describeMachine(postgresVersion: string, loadBefore: number): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    loadBefore,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()} ${process.arch}`,
    node: process.versions.node,
    postgres: postgresVersion,
  };
}
