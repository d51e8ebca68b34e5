import { operationError } from "@flux/dao-core/errors";
import type { Operation } from "../api/operation.ts";
import { operations } from "../api/operations.gen.ts";
import { encode } from "../wire/json.ts";
import type { ResponseHead } from "./errors.ts";
import { invalid, partOf } from "./request.ts";
import { jsonBody } from "./request-body.ts";
import { checkShape, resultOf } from "./response.ts";

/** @throws ValidationError for what cannot be sent; the service checks the rest, and the number of operations */
export function partsOf(list: unknown) {
  if (!Array.isArray(list)) throw invalid("operations", "must be a list of operations");
  return Array.from(list, (item: unknown, number) => {
    try {
      return toPart(item);
    } catch (error) {
      throw operationError(error, number);
    }
  });
}

function toPart(item: unknown) {
  const [name, ...args]: unknown[] = Array.isArray(item) ? item : [];
  const operation = typeof name === "string" ? parts.get(name) : undefined;
  if (typeof name !== "string") throw invalid("", "must be a list of an operation's name and its arguments");
  if (operation === undefined) throw invalid("", `must name an operation: there is no ${name}`);
  if (operation.path.startsWith(operations["changes.listChanges"].path)) {
    throw invalid("", `must not be ${name}, which reads what is committed: call it by itself`);
  }
  if (operation.input === "ndjson" || operation.output === "ndjson") {
    throw invalid("", `must not be ${name}, which takes any number of rows: call it by itself`);
  }
  const { input, head } = partOf(operation, args);
  const text = encode(head);
  if (operation.input !== "body" || input === undefined) return { operation, text };
  return { operation, text: `${text.slice(0, -1)},"body":${jsonBody(input)}}` };
}

const { batch: _, ...services } = operations;
const parts: ReadonlyMap<string, Operation> = new Map(Object.entries(services));

/** The results in the response to a batch. @throws as {@link resultOf} */
export function resultsOf(head: ResponseHead, text: string, batch: Operation, parts: ReturnType<typeof partsOf>) {
  const { results }: { results?: readonly { readonly body?: unknown }[] } = Object(resultOf(head, text, batch));
  return parts.map(({ operation: { result } }, number) =>
    result === undefined ? undefined : checkShape(results?.[number]?.body, result, head, batch.method),
  );
}
