export { InvalidServiceKeyError, UnexpectedResponseError } from "./client-errors.ts";
export type { Fetch } from "./connection.ts";
export { createDaoClient, type DaoClientOptions } from "./dao-client.ts";
