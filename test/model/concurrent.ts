import fc from "fast-check";
import { contendedOperation } from "./arbitrary/operations.ts";
import { Counterexample } from "./counterexample.ts";
import { isFields, KnownRows } from "./known-rows.ts";
import { lastLook } from "./last-look.ts";
import { describeEvent, type Event, explain } from "./linearizability.ts";
import { looksAfter } from "./looks-after.ts";
import { callOf, learn, type Operation, run } from "./operation.ts";
import { firstSeenTasks } from "./oracle/imports.ts";
import { Total } from "./oracle/lists.ts";
import { State } from "./oracle/state.ts";
import { labelOf } from "./outcome.ts";
import type { Tally } from "./tally.ts";
import { beginning, clear, type World } from "./world.ts";

const MAX_CALLERS = 6;
const MAX_CALLS = 8;

/** Runs operations and records what happened when. */
class Recorder {
  readonly events: Event[] = [];
  readonly known = new KnownRows();
  /** The number of callers so far. */
  callers: number;
  readonly #world: World;
  readonly #tally: Tally;
  #tick = 0;

  constructor(world: World, tally: Tally, callers: number) {
    this.#world = world;
    this.#tally = tally;
    this.callers = callers;
  }

  /** One call after the other, as one caller makes them. */
  async run(caller: number, operations: readonly Operation[]): Promise<void> {
    for (const operation of operations.flatMap((each) => [each, ...looksAfter(each)])) {
      const call = callOf(operation, this.known);
      const invoked = this.#tick++;
      const outcome = await run(this.#world.services, call);
      const ended = this.#tick++;
      learn(this.known, call, outcome);
      this.#tally.add(call.method, labelOf(outcome));
      for (const [index, part] of partsOf({ caller, call, outcome, invoked, ended }).entries()) {
        // As if by another caller, since it may be of an earlier or a later moment of the call.
        this.events.push(index === 0 ? part : { ...part, caller: this.callers++ });
      }
    }
  }
}

/** Concurrent callers on the same few rows; some order must explain all results and the final state. */
export function concurrentProperty(world: World, tally: Tally) {
  const caller = fc.array(contendedOperation, { minLength: 1, maxLength: MAX_CALLS, size: "max" });
  const callers = fc.array(caller, { minLength: 2, maxLength: MAX_CALLERS, size: "max" });
  return fc.asyncProperty(beginning, callers, (first, operations) => race(world, tally, first, operations));
}

/** @param first what one caller does before the others begin */
async function race(
  world: World,
  tally: Tally,
  first: readonly Operation[],
  callers: readonly (readonly Operation[])[],
): Promise<void> {
  await clear(world);
  const recorder = new Recorder(world, tally, callers.length);
  await recorder.run(0, first);
  await Promise.all(callers.map((operations, caller) => recorder.run(caller, operations)));
  await recorder.run(0, lastLook(recorder.known));
  await world.told.check();
  const { events, known } = recorder;
  if (isUnseenGone(events, known)) return;
  const numbers = Array.from({ length: recorder.callers }, (_, caller) => caller);
  const byCaller = numbers.map((caller) => events.filter((event) => event.caller === caller));
  // Overlapping calls: the results do not show which of two rows of one millisecond is older.
  const clock = world.clock === "sequence" ? "unknown" : world.clock;
  const verdict = explain(State.empty(clock, known), byCaller);
  if (verdict.isExplained) return;
  const history = events.toSorted((a, b) => a.invoked - b.invoked).map((event) => `  ${describeEvent(event)}`);
  throw new Counterexample(`${verdict.reason}\nThe history:\n${history.join("\n")}`);
}

/** A page and its total are two reads, unless the page shows the total. */
function partsOf(event: Event): Event[] {
  const { call, outcome } = event;
  const page = outcome.kind === "result" ? outcome.value : undefined;
  if (!call.method.includes(".list") || !isFields(page) || typeof page["total"] !== "number") return [event];
  const items = Array.isArray(page["items"]) ? page["items"].length : 0;
  const hasNext = page["hasNext"] === true;
  const isBeyondTheEnd = page["hasPrev"] === true && items === 0;
  if (!hasNext && !isBeyondTheEnd) return [event];
  const pagesBefore = Number(page["page"] ?? 1) - 1;
  const shown = hasNext ? pagesBefore * Number(page["pageSize"]) + items + 1 : 0;
  const uncounted = { ...call, args: [{ ...Object(call.args[0]), count: "none" }] };
  return [
    { ...event, call: uncounted, outcome: { kind: "result", value: { ...page, total: null } } },
    { ...event, outcome: { kind: "result", value: new Total(page["total"], shown) } },
  ];
}

/** Whether tasks were imported concurrently and deleted again before any call returned them: their creation times are unknown. */
function isUnseenGone(events: readonly Event[], known: KnownRows): boolean {
  const isDone = ({ outcome }: Event) => outcome.kind === "result";
  if (!events.some((event) => isDone(event) && event.call.method.includes(".delete"))) return false;
  const imports = events.filter((event) => isDone(event) && event.call.method === "tasks.createTasks");
  return imports.some(({ call }) => firstSeenTasks(known, call.args[0]).includes(undefined));
}
