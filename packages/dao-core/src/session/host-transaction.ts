import { TransactionLostError } from "../contract/errors.ts";
import { databaseErrorFacts, isConnectionLoss, withCode } from "./postgres-errors.ts";

/**
 * Runs `work` in a transaction, or a savepoint, that a host begins, and ends as the promise of `work` does.
 * @param ending what has become of the transaction when the connection is lost as the host commits it
 * @throws what `work` throws, whatever the host makes of it, such as that its rollback found no connection;
 *   TransactionLostError
 */
export async function inHostsTransaction<Handle, Result>(
  begin: (work: (handle: Handle) => Promise<Result>) => Promise<Result>,
  work: (handle: Handle) => Promise<Result>,
  ending: "rolled_back" | "unknown",
): Promise<Result> {
  let outcome: { readonly error?: unknown } | undefined;
  try {
    return await begin(async (handle) => {
      try {
        const result = await work(handle);
        outcome = {};
        return result;
      } catch (error) {
        outcome = { error };
        throw error;
      }
    });
  } catch (error) {
    if (outcome !== undefined && "error" in outcome) throw outcome.error;
    const coded = withCode(error);
    if (outcome !== undefined && isLoss(coded)) throw new TransactionLostError(ending, { cause: error });
    throw coded;
  }
}

function isLoss(error: unknown): boolean {
  const code = databaseErrorFacts(error)?.code;
  return code !== undefined && isConnectionLoss(code);
}
