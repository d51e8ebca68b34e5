/** What the document says of every list. */
export const listDescription =
  "One page, newest first: by number, or what comes behind the next_cursor of the page before, which takes no longer on " +
  "the last page than on the first.";
