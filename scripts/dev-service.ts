/** The service of `dev`, in a process of its own, so that it can be started again with other code. Ends with its parent. */
const http: typeof import("@flux/dao-http/server") = await import(
  new URL("../packages/dao-http/dist/server.js", import.meta.url).href
);

/** What the parent is told: where it serves, or why it does not. */
export type ServiceReport =
  | { readonly url: string; readonly database: string; readonly warnings: readonly string[] }
  | { readonly failure: string };

const report = (message: ServiceReport) => process.send?.(message);

try {
  const settings = http.readSettings(process.env);
  const service = await http.startService(settings, http.openLog({ level: settings.logLevel }));
  process.on("disconnect", () => service.stop().then(() => process.exit(0)));
  // The parent may be gone already.
  if (process.connected) report({ url: service.url, database: service.database, warnings: service.warnings });
  else await service.stop();
} catch (error) {
  report({ failure: error instanceof Error ? error.message : String(error) });
  process.disconnect?.();
}
