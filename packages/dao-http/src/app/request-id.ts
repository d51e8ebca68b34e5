const sane = /^[\x21-\x7e]{1,200}$/;

/** The request id that a caller sent, if it is 1 to 200 printable ASCII characters without a space; else a new one. */
export function requestIdOf(sent: string | undefined): string {
  return sent !== undefined && sane.test(sent) ? sent : crypto.randomUUID();
}
