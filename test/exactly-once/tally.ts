import type { Moment } from "./killed-server.ts";

interface Answered {
  readonly isReplay: boolean;
}

/** The outcomes of the requests for one kind of kill. */
interface Row {
  kills: number;
  requests: number;
  /** Got no response before the server was killed. */
  unanswered: number;
  /** Of those: committed before the kill, so the next server replayed the recorded response. */
  replayed: number;
  /** Of those: not committed before the kill, and processed by the next server. */
  doneLater: number;
}

/** Counts; `duplicates`, `losses` and `violations` must stay empty. */
export class Tally {
  duplicates = 0;
  losses = 0;
  readonly violations: string[] = [];
  readonly #rows = new Map<Moment, Row>();

  violation(text: string): void {
    this.violations.push(text);
  }

  count(moment: Moment, first: readonly (Answered | undefined)[], last: readonly (Answered | undefined)[]): void {
    const row = this.#rows.get(moment) ?? { kills: 0, requests: 0, unanswered: 0, replayed: 0, doneLater: 0 };
    this.#rows.set(moment, row);
    const unanswered = last.filter((_, index) => first[index] === undefined);
    const replayed = unanswered.filter((answer) => answer?.isReplay === true).length;
    row.kills++;
    row.requests += first.length;
    row.unanswered += unanswered.length;
    row.replayed += replayed;
    row.doneLater += unanswered.filter((answer) => answer?.isReplay === false).length;
    // Otherwise the kill interrupted nothing, and proves nothing.
    if (unanswered.length === 0) this.violation(`a kill ${moment}: every request got a response before it`);
    if (moment === "after the commit" && replayed === 0)
      this.violation("a kill after the commit: nothing was replayed");
    if (first.some((answer) => answer?.isReplay === true))
      this.violation("the response to a first request was marked as a replay");
  }

  /** All violations. */
  get problems(): readonly string[] {
    const counts = [
      ...(this.duplicates > 0 ? [`${this.duplicates} goals exist twice`] : []),
      ...(this.losses > 0 ? [`${this.losses} goals are lost`] : []),
    ];
    return [...counts, ...this.violations];
  }

  /** A Markdown table. */
  toString(): string {
    const head = "| killed | kills | requests | without response | of those replayed | of those processed later |";
    const rows = [...this.#rows].map(
      ([moment, { kills, requests, unanswered, replayed, doneLater }]) =>
        `| ${moment} | ${kills} | ${requests} | ${unanswered} | ${replayed} | ${doneLater} |`,
    );
    return [head, "|---|---|---|---|---|---|", ...rows].join("\n");
  }
}
