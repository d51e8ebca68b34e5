#!/usr/bin/env node
import { parseArgs } from "node:util";
import { isDaoError } from "@flux/dao-core";
import { createLogger, openStandardOutput } from "./log.ts";
import { type RunningService, startService } from "./service.ts";
import { readSettings, SettingsError } from "./settings.ts";

const usage = `Usage: flux-dao serve

Serves the REST API of the Flux data layer.

Settings come from the environment:
  DATABASE_URL      postgres://user:password@host:5432/database
  SERVICE_API_KEYS  ["key", …] or {"goal-planner": "key", …} or key,key
  HOST              address to listen on      (127.0.0.1)
  PORT              port to listen on         (8000)
  DB_POOL_SIZE      connections to the database
  LOG_LEVEL         trace, debug, info, warn, error, fatal or silent (info)
`;

/** A mistake in how the command was called. */
class UsageError extends Error {}

/** For a person; standard output is the log's. */
function say(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const { command, isHelp } = parseCommand(args);
  if (isHelp) process.stdout.write(usage);
  else if (command === "serve") await serve();
  else throw new UsageError(command === undefined ? "A command is missing." : `There is no command ${command}.`);
}

function parseCommand(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { help: { type: "boolean", short: "h" } },
      allowPositionals: true,
    });
    if (positionals.length > 1) throw new UsageError(`${positionals[1]} is one argument too many.`);
    return { command: positionals[0], isHelp: values.help === true };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function serve(): Promise<void> {
  const settings = readSettings(process.env);
  const logger = createLogger({ level: settings.logLevel, destination: openStandardOutput() });
  const service = await startService(settings, logger);
  stopOnSignal(service);
  say(
    ...service.warnings.map((warning) => `Warning: ${warning}`),
    `Flux DAO service at ${service.url}, on ${service.database}.`,
    `  API pages  ${service.url}/docs  ${service.url}/redoc  ${service.url}/openapi.json`,
    "  Stop it with Ctrl-C or SIGTERM.",
  );
}

function stopOnSignal(service: RunningService): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) {
      say("Stopped at once, with requests unanswered.");
      process.exit(1);
    }
    isStopping = true;
    say(`${signal}: finishing the requests that are being answered. Send it again to stop at once.`);
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
}

/** Ends the process: with a sentence for what a person can mend, with a stack for what only a programmer can. */
function fail(error: unknown): never {
  if (error instanceof UsageError) {
    say(error.message, "", usage);
    process.exit(2);
  }
  if (error instanceof SettingsError) say(...error.problems);
  else if (isDaoError(error)) say(error.message);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
}

main(process.argv.slice(2)).catch(fail);
