/** What a process that serves tells the one that started it. */
export type WorkerMessage =
  | { readonly kind: "serving"; readonly url: string; readonly database: string; readonly warnings: readonly string[] }
  /** It ends, for a reason that a person can read: `lines` say it. */
  | { readonly kind: "failed"; readonly lines: readonly string[] };

/** What it is told: to finish what is being answered, and to end. */
export const STOP = "stop";
