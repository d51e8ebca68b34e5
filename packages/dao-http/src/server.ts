export { type RunningServer, type ServerOptions, startServer } from "./http-server.ts";
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from "./log.ts";
export { type RunningService, startService } from "./service.ts";
export { DEVELOPMENT_KEYS } from "./service-key-setting.ts";
export { type Environment, readSettings, type Settings, SettingsError } from "./settings.ts";
