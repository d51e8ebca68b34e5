/**
 * The REST API as a server of its own, as the command `flux-dao serve` runs it.
 *
 * @module @flux/dao-http/server
 */

export { DEVELOPMENT_KEYS } from "./app/development-keys.ts";
export { type RunningServer, type ServerOptions, startServer } from "./http-server.ts";
export { createLogger, type Logger } from "./log.ts";
export { LOG_LEVELS, type LogLevel } from "./log-level.ts";
export { type RunningService, startService } from "./service.ts";
export { type Environment, readSettings, type Settings, SettingsError } from "./settings.ts";
