/** The header with the position of writes, in responses to them, and in reads that must see them; in lower case. */
export const POSITION_HEADER = "flux-position";

/** In place of a position that is not known: the read must see every write that was committed before. */
export const LATEST = "latest";

/** A position of the data layer, or {@link LATEST}. Of two positions the later is the greater text, and {@link LATEST} the last. */
export const POSITION_PATTERN = /^(?:[0-9A-F]{16}|latest)$/;
