import type { StepResult } from "./step.ts";

/** Commands of `flux-dao` that are run on the new database, one after the other: each loads files that `serve` does not. */
export const BEFORE_SERVING = [["migrate"], ["doctor"], ["seed", "--users", "2"]] as const;

/** A way to run the service as it is shipped. What it holds is let go when it is disposed of. */
export interface Deployment extends AsyncDisposable {
  /** What is made, as the report calls it. */
  readonly artefact: string;
  /** What this way leaves untried. */
  readonly notTried: readonly string[];
  /** Makes what is shipped, and looks at what is in it, and at its size. @throws Error */
  build(): Promise<StepResult>;
  /** Migrates a database of its own, starts the service with this key, and waits until it is ready. @throws Error */
  start(key: string): Promise<{ readonly url: string } & StepResult>;
  /** Sends SIGTERM, and waits for the end. @throws Error when the exit code is not 0 */
  stop(): Promise<StepResult>;
}
