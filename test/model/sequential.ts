import fc from "fast-check";
import { anyOperation } from "./arbitrary/operations.ts";
import { Counterexample } from "./counterexample.ts";
import { KnownRows } from "./known-rows.ts";
import { lastLook } from "./last-look.ts";
import { looksAfter } from "./looks-after.ts";
import { type Call, callOf, describeCall, learn, type Operation, run } from "./operation.ts";
import { judge } from "./oracle/judge.ts";
import { State } from "./oracle/state.ts";
import { labelOf, type Outcome } from "./outcome.ts";
import type { Tally } from "./tally.ts";
import { beginning, clear, type World } from "./world.ts";

/** What fast-check's runner passes from command to command. */
interface Model {
  readonly state: State;
  readonly known: KnownRows;
}

interface Real {
  readonly world: World;
  readonly tally: Tally;
}

/** Runs operations, and then has the oracle judge the outcome of each. */
async function step({ state, known }: Model, { world, tally }: Real, operation: Operation): Promise<void> {
  const outcomes: [Call, Outcome][] = [];
  for (const each of [operation, ...looksAfter(operation)]) {
    const call = callOf(each, known);
    const outcome = await run(world.services, call);
    tally.add(call.method, labelOf(outcome));
    learn(known, call, outcome);
    outcomes.push([call, outcome]);
  }
  for (const [call, outcome] of outcomes) {
    const fault = judge(state, call, outcome);
    if (fault !== undefined) throw new Counterexample(`${describeCall(call)}\n${fault}`);
  }
}

class OperationCommand implements fc.AsyncCommand<Model, Real> {
  readonly #operation: Operation;

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  /** References always resolve to something, so every operation may come at any position. */
  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): Promise<void> {
    return step(model, real, this.#operation);
  }

  toString(): string {
    return `\n  ${this.#operation}`;
  }
}

/** Maximum operations of a sequence, besides its beginning and its final reads. */
const MAX_OPERATIONS = 40;

/** One operation after the other, each outcome compared with the oracle's. */
export function sequentialProperty(world: World, tally: Tally) {
  const commands = fc.commands([anyOperation.map((operation) => new OperationCommand(operation))], {
    maxCommands: MAX_OPERATIONS,
    size: "max",
    disableReplayLog: true,
  });
  return fc.asyncProperty(beginning, commands, async (first, commands) => {
    await clear(world);
    const known = new KnownRows();
    const model = { state: State.empty(world.clock, known), known };
    const real = { world, tally };
    for (const operation of first) await step(model, real, operation);
    await fc.asyncModelRun(() => ({ model, real }), commands);
    for (const operation of lastLook(model.known)) await step(model, real, operation);
    await world.told.check();
  });
}
