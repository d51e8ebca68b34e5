import { ValidationError } from "../contract/errors.ts";
import { databaseErrorFacts } from "../session/postgres-errors.ts";

/**
 * Does work on the rows of `ids`. An adopted database can hold one that breaks a rule; the refusal to write it names its
 * place in the caller's list.
 * @param list the name of the list
 */
export async function nameBrokenRow<Result>(
  list: string,
  ids: readonly string[],
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const index = ids.indexOf(databaseErrorFacts(error.cause)?.id ?? "");
    if (index === -1) throw error;
    const issues = error.issues.map(({ path, message }) => ({ path: `${list}.${index}.${path}`, message }));
    throw new ValidationError(issues, { cause: error.cause });
  }
}
