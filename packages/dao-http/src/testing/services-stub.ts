import type { DaoServices } from "@flux/dao-core/contract";
import type { Operation } from "../api/operation.ts";
import { operations } from "../api/operations.ts";

/** A call that reached the services. */
export interface RecordedCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Services without a database, for tests of HTTP alone: what each call is answered with is up to the test. */
export function stubServices(answer: (call: RecordedCall) => unknown = () => undefined): {
  readonly services: DaoServices;
  readonly calls: readonly RecordedCall[];
} {
  const calls: RecordedCall[] = [];
  const services: unknown = Object.fromEntries(
    Object.entries(operations).map(([service, table]) => [
      service,
      Object.fromEntries(
        Object.entries<Operation>(table).map(([method, { output }]) => {
          const record = async (...args: readonly unknown[]) => {
            const call = { method, args };
            calls.push(call);
            return answer(call);
          };
          return [method, output === "ndjson" ? (...args: readonly unknown[]) => oneByOne(record(...args)) : record];
        }),
      ),
    ]),
  );
  return { services: services as DaoServices, calls };
}

/** The items of a list, or a single one. */
async function* oneByOne(answer: Promise<unknown>): AsyncGenerator<unknown> {
  for (const item of [await answer].flat()) yield item;
}
