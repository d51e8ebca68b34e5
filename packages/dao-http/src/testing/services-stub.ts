import type { DaoServices } from "@flux/dao-core/contract";
import { operations } from "../api/operations.gen.ts";

/** A call that reached the services. */
export interface RecordedCall {
  readonly method: string;
  /** Without the requester, which every call has, and then without empty options. */
  readonly args: readonly unknown[];
}

/** Services without a database, for tests of HTTP alone: the test decides what each call returns. */
export function stubServices(answer: (call: RecordedCall) => unknown = () => undefined): {
  readonly services: DaoServices;
  readonly calls: readonly RecordedCall[];
} {
  const calls: RecordedCall[] = [];
  const stubs: Record<string, Record<string, unknown>> = {};
  for (const [name, { output }] of Object.entries(operations)) {
    const [service = "", method = ""] = name.split(".");
    const record = async (...args: readonly unknown[]) => {
      const call = { method, args: args.flatMap(withoutRequester) };
      calls.push(call);
      return answer(call);
    };
    stubs[service] ??= {};
    stubs[service][method] = output === "ndjson" ? (...args: readonly unknown[]) => oneByOne(record(...args)) : record;
  }
  const services: unknown = stubs;
  return { services: services as DaoServices, calls };
}

function withoutRequester(arg: unknown): unknown[] {
  if (typeof arg !== "object" || arg === null || !("requester" in arg)) return [arg];
  const others = Object.entries(arg).filter(([name, value]) => name !== "requester" && value !== undefined);
  return others.length === 0 ? [] : [Object.fromEntries(others)];
}

/** The items of a list or an async iterable, or a single item. */
async function* oneByOne(answer: Promise<unknown>): AsyncGenerator<unknown> {
  const items = await answer;
  if (isAsyncIterable(items)) yield* items;
  else yield* [items].flat();
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}
