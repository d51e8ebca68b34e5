import type { Attributes } from "@opentelemetry/api";
import { isDaoError } from "../contract/errors.ts";
import { databaseErrorFacts, toDaoError } from "../session/postgres-errors.ts";

/** Classes 00 to 99, F0, HV, P0 and XX (PostgreSQL manual, appendix A), which excludes codes such as `EPIPE`. */
const sqlState = /^(?:\d\d|F0|HV|P0|XX)[0-9A-Z]{3}$/;

/** Returns a failure's codes and class name, but no message, which may contain user data. */
export function failureAttributes(error: unknown): Attributes {
  const code = databaseErrorFacts(isDaoError(error) ? error.cause : error)?.code;
  const daoError = toDaoError(error);
  return {
    "error.type": errorType(error, code),
    ...(code !== undefined && sqlState.test(code) && { "db.response.status_code": code }),
    ...(isDaoError(daoError) && { "flux_dao.error.code": daoError.code }),
  };
}

/** The SQLSTATE; otherwise the code of the driver, the system or the data layer; otherwise the name of the class. */
function errorType(error: unknown, code: string | undefined): string {
  if (code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code)) return code;
  if (isDaoError(error)) return error.code;
  return error instanceof Error && /^\w{1,64}$/.test(error.name) ? error.name : "_OTHER";
}
