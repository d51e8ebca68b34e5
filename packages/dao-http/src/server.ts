/**
 * The REST API as a server of its own, as the command `flux-dao serve` runs it.
 *
 * @module @flux/dao-http/server
 */

export { DEVELOPMENT_KEYS } from "./app/auth.ts";
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./app/log.ts";
export { type RunningServer, type ServerOptions, type SharedPort, startServer } from "./node/server.ts";
export { SettingsError } from "./node/settings-error.ts";
export { type RunningService, startService } from "./process/service.ts";
export { type Environment, readSettings, type Settings } from "./process/settings.ts";
export { openLog } from "./process/terminal-log.ts";
