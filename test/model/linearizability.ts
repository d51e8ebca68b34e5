import { type Call, describeCall } from "./operation.ts";
import { judge } from "./oracle/judge.ts";
import type { State } from "./oracle/state.ts";
import { describeOutcome, type Outcome } from "./outcome.ts";

/** A completed call, with its start and end in ticks of a clock that all callers share. */
export interface Event {
  readonly caller: number;
  readonly call: Call;
  readonly outcome: Outcome;
  readonly invoked: number;
  readonly ended: number;
}

/** Maximum steps of a search; histories of some dozens of calls need some hundreds. */
const MAX_STEPS = 200_000;

/** The longest order that was found: the calls that it explains, and what each of the next ones would have violated. */
interface DeadEnd {
  readonly explained: readonly Event[];
  readonly faults: readonly string[];
}

/** The result of the search. */
export type Verdict =
  | { readonly isExplained: true; readonly steps: number }
  | { readonly isExplained: false; readonly steps: number; readonly reason: string };

/**
 * Whether the calls of all callers have a sequential order in which each has the outcome that the oracle demands, and no call
 * precedes one that had ended before it began (linearizability, by the search of Wing and Gong with memoization). Everything
 * that must hold under concurrency follows from it: one winner for a unique value, one success for a delete, no row that
 * outlives its owner, no lost update, no append out of order, and that a read which follows a write sees it. Reads at the end
 * of the history tie it to the final state.
 */
export function explain(start: State, callers: readonly (readonly Event[])[]): Verdict {
  const beenAt = new Set<string>();
  let steps = 0;
  let deadEnd: DeadEnd = { explained: [], faults: [] };

  const search = (state: State, next: readonly number[], explained: readonly Event[]): boolean => {
    const heads = callers.flatMap((events, caller) => events[next[caller] ?? 0] ?? []);
    if (heads.length === 0) return true;
    const earliestEnd = Math.min(...heads.map(({ ended }) => ended));
    const faults: string[] = [];
    // The call that ended first most likely took effect first.
    const possible = heads.filter(({ invoked }) => invoked < earliestEnd).sort((a, b) => a.ended - b.ended);
    for (const event of possible) {
      if (++steps > MAX_STEPS) return false;
      const after = state.copy();
      const fault = faultOf(after, event);
      if (fault !== undefined) {
        faults.push(`${describeEvent(event)}\n    ${fault}`);
        continue;
      }
      const nextAfter = next.map((index, caller) => (caller === event.caller ? index + 1 : index));
      const place = `${nextAfter.join(" ")}\n${after.digest()}`;
      if (beenAt.has(place)) continue;
      beenAt.add(place);
      if (search(after, nextAfter, [...explained, event])) return true;
    }
    if (explained.length >= deadEnd.explained.length && faults.length > 0) deadEnd = { explained, faults };
    return false;
  };

  const isExplained = search(
    start,
    callers.map(() => 0),
    [],
  );
  if (isExplained) return { isExplained, steps };
  return { isExplained, steps, reason: steps > MAX_STEPS ? `no order found in ${MAX_STEPS} steps` : describe(deadEnd) };
}

/** A race that was lost in spite of retries is a documented outcome, and has changed nothing. */
function faultOf(state: State, { call, outcome }: Event): string | undefined {
  if (outcome.kind === "error" && outcome.code === "retryable") return undefined;
  return judge(state, call, outcome);
}

function describe({ explained, faults }: DeadEnd): string {
  const before = explained.map((event) => `  ${describeEvent(event)}`).join("\n");
  return `no order explains the history. The longest begins with\n${before}\nand then one of these would be wrong:\n  ${faults.join("\n  ")}`;
}

export function describeEvent({ caller, call, outcome, invoked, ended }: Event): string {
  return `[${invoked}–${ended}] caller ${caller}: ${describeCall(call)} → ${describeOutcome(outcome)}`;
}
