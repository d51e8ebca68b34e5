import type { DaoServices } from "@flux/dao-core/contract";
import { operations } from "./operations/operations.ts";

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
        Object.keys(table).map((method) => [
          method,
          async (...args: readonly unknown[]) => {
            const call = { method, args };
            calls.push(call);
            return answer(call);
          },
        ]),
      ),
    ]),
  );
  return { services: services as DaoServices, calls };
}
