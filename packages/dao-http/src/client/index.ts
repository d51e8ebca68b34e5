/**
 * The services over HTTP.
 *
 * @module @flux/dao-http/client
 */

export type { ConnectionOptions, Fetch } from "./connection.ts";
export { createDaoClient, type DaoClient, type DaoClientOptions, type KeyOptions } from "./dao-client.ts";
export { InvalidServiceKeyError, UnexpectedResponseError } from "./errors.ts";
export type { ClientRetry, RetryOptions } from "./retry.ts";
