/** How many tests there were. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What a step found out. */
export interface StepResult {
  readonly tests?: TestCounts | undefined;
  /** Sentences for the report. */
  readonly notes?: readonly string[] | undefined;
}

/** A part of the pipeline, and how it went. */
export interface Step extends StepResult {
  readonly name: string;
  /** Not run: what it needs has failed. */
  readonly status: "passed" | "failed" | "not run";
  readonly seconds: number;
}

/** Runs one step after another, and keeps how each went. */
export class Steps {
  readonly done: Step[] = [];

  get hasFailed(): boolean {
    return this.done.some(({ status }) => status !== "passed");
  }

  /** Runs `work`, unless one before it has failed. It fails when `work` throws, or tests do. */
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
