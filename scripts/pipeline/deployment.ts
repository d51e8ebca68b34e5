import type { StepResult } from "./step.ts";

/** `flux-dao` commands that are run on the new database in turn: each loads files that `serve` does not. */
export const BEFORE_SERVING = [["migrate"], ["doctor"], ["seed", "--users", "2"]] as const;

/** A way to run the service as it is shipped. Its resources are released on disposal. */
export interface Deployment extends AsyncDisposable {
  /** The artefact, as named in the report. */
  readonly artefact: string;
  /** What this way leaves untested. */
  readonly notTried: readonly string[];
  /** Builds the artefact, and checks its contents and size. @throws Error */
  build(): Promise<StepResult>;
  /** Migrates a new database, starts the service with this key, and waits until it is ready. @throws Error */
  start(key: string): Promise<{ readonly url: string } & StepResult>;
  /** Sends SIGTERM, and waits for the exit. @throws Error if the exit code is not 0 */
  stop(): Promise<StepResult>;
}
