/** Connections in every contender's pool. */
export const POOL_SIZE = 10;
