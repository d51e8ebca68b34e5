/** What a process that serves tells the one that started it. */
export type WorkerMessage =
  | { readonly kind: "serving"; readonly url: string; readonly database: string; readonly warnings: readonly string[] }
  /** It has closed the port, and lets its answers go when it is told {@link PORT_CLOSED}. */
  | { readonly kind: "port closed" }
  /** It ends, for a reason that a person can read: `lines` say it. */
  | { readonly kind: "failed"; readonly lines: readonly string[] };

/** What it is told: to finish what is being answered, and to end. */
export const STOP = "stop";

/** And that none of the others takes connections any more. */
export const PORT_CLOSED = "port closed";
