/** Connections that every contender may open. */
export const POOL_SIZE = 10;
