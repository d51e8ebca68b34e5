/** The first and the last instant that can be stored (contract, REST: what RFC 3339 can write). */
export const MIN_INSTANT = new Date("0001-01-01T00:00:00.000Z");
export const MAX_INSTANT = new Date("9999-12-31T23:59:59.999Z");
