/** Test counts. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The result of a step. */
export interface StepResult {
  readonly tests?: TestCounts | undefined;
  /** Sentences for the report. */
  readonly notes?: readonly string[] | undefined;
}

/** A step of the pipeline, and its outcome. */
export interface Step extends StepResult {
  readonly name: string;
  /** `not run`: a step that it needs has failed. */
  readonly status: "passed" | "failed" | "not run";
  readonly seconds: number;
}

/** Runs steps in order and records their outcomes. */
export class Steps {
  readonly done: Step[] = [];

  get hasFailed(): boolean {
    return this.done.some(({ status }) => status !== "passed");
  }

  /** Runs `work` unless an earlier step failed. The step fails if `work` throws or tests fail. */
  async run(name: string, work: () => Promise<StepResult | undefined>): Promise<void> {
    if (this.hasFailed) {
      this.done.push({ name, status: "not run", seconds: 0 });
      return;
    }
    process.stdout.write(`\n== ${name}\n`);
    const start = performance.now();
    const outcome = await work().then(
      (result) => ({
        ...result,
        status: (result?.tests?.failed ?? 0) === 0 ? ("passed" as const) : ("failed" as const),
      }),
      (error: unknown) => ({
        status: "failed" as const,
        notes: [error instanceof Error ? error.message : String(error)],
      }),
    );
    if (outcome.status === "failed") for (const note of outcome.notes ?? []) process.stdout.write(`${note}\n`);
    this.done.push({ name, ...outcome, seconds: Math.round((performance.now() - start) / 100) / 10 });
  }
}
