/**
 * The services over HTTP.
 *
 * @module @flux/dao-http/client
 */

export type { DaoClientOptions, Fetch } from "./connection.ts";
export { createDaoClient, type DaoClient, type KeyOptions } from "./dao-client.ts";
export { InvalidServiceKeyError, UnexpectedResponseError } from "./errors.ts";
export type { ClientRetry, RetryOptions } from "./retry.ts";
