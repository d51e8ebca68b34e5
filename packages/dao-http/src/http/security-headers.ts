/**
 * Adds what every answer has, whichever host sends it: no browser takes one for another type than it says. Answers with
 * rows are `no-store` besides, where they are made; the pages have a policy of their own (`docs/docs-pages.ts`).
 */
export function setSecurityHeaders(headers: Record<string, string>): void {
  headers["x-content-type-options"] = "nosniff";
}
