/** What must never happen. */
export const VIOLATIONS = [
  "partial commit",
  "acknowledged write lost",
  "refused write found",
  "write done twice",
  "uncaught error",
  "foreign error",
  "late promise",
  "idle in transaction",
  "slot leaked",
  "not restored in time",
] as const;

export type Violation = (typeof VIOLATIONS)[number];

/** The counts of some rounds of the matrix. */
export class Tally {
  faults = 0;
  acknowledged = 0;
  refused = 0;
  unknown = 0;
  /** The longest time until service was restored after a fault, in milliseconds. */
  slowestRecovery = 0;
  /** The longest call, in milliseconds. */
  slowestCall = 0;
  readonly violations = new Map<Violation, number>();
  readonly details: string[] = [];

  violate(violation: Violation, detail: string): void {
    this.violations.set(violation, this.countOf(violation) + 1);
    this.details.push(`${violation}: ${detail}`);
  }

  countOf(violation: Violation): number {
    return this.violations.get(violation) ?? 0;
  }

  get violationCount(): number {
    return [...this.violations.values()].reduce((sum, count) => sum + count, 0);
  }

  add(other: Tally): void {
    this.faults += other.faults;
    this.acknowledged += other.acknowledged;
    this.refused += other.refused;
    this.unknown += other.unknown;
    this.slowestRecovery = Math.max(this.slowestRecovery, other.slowestRecovery);
    this.slowestCall = Math.max(this.slowestCall, other.slowestCall);
    for (const [violation, count] of other.violations) {
      this.violations.set(violation, this.countOf(violation) + count);
    }
    this.details.push(...other.details);
  }
}
