/** Counts the outcomes of each operation. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  static sum(tallies: readonly Tally[]): Tally {
    const sum = new Tally();
    for (const tally of tallies) {
      for (const [method, labels] of tally.#counts) for (const [label, count] of labels) sum.add(method, label, count);
    }
    return sum;
  }

  add(method: string, label: string, count = 1): void {
    const labels = this.#counts.get(method) ?? new Map<string, number>();
    this.#counts.set(method, labels.set(label, (labels.get(label) ?? 0) + count));
  }

  count(method: string, label: string): number {
    return this.#counts.get(method)?.get(label) ?? 0;
  }

  get calls(): number {
    return [...this.#counts.values()].flatMap((labels) => [...labels.values()]).reduce((sum, count) => sum + count, 0);
  }

  /** One line per method. */
  toString(): string {
    const lines = [...this.#counts].sort().map(([method, labels]) => {
      const counts = [...labels].sort().map(([label, count]) => `${label} ${count}`);
      return `  ${method.padEnd(34)} ${counts.join(" · ")}`;
    });
    return lines.join("\n");
  }
}
