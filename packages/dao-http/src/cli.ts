#!/usr/bin/env node
import { writeFile } from "node:fs/promises";
import { didYouMean, type GivenOptions, readArguments, readEnvFile, UsageError } from "./cli/arguments.ts";
import { type Command, fail, writeStderr, writeStdout } from "./cli/command.ts";
import { nearest } from "./node/settings-error.ts";
import { VERSION } from "./wire/version.gen.ts";

/** The commands, each loaded only when it is run. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: () => import("./cli/serve.ts").then(({ serveCommand }) => serveCommand),
  migrate: () => import("./cli/migrate.ts").then(({ migrateCommand }) => migrateCommand),
  doctor: () => import("./cli/doctor.ts").then(({ doctorCommand }) => doctorCommand),
  seed: () => import("./cli/seed.ts").then(({ seedCommand }) => seedCommand),
  openapi: async () => openApiCommand,
};

const openApiCommand: Command = {
  summary: "print the OpenAPI document of the REST API",
  usage: `Usage: flux-dao openapi [--out FILE]

Prints the OpenAPI 3.1 document of the REST API, the same that the service has at /openapi.json. It needs no database.

  --out FILE   writes it to a file
`,
  options: { out: { type: "string" } },
  settings: [],
  async run({ out }) {
    const { openApiDocument } = await import("./openapi/openapi-document.ts");
    const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
    if (typeof out !== "string") await writeStdout(text);
    else {
      await writeFile(out, text);
      writeStderr(`The OpenAPI document is in ${out}.`);
    }
    return 0;
  },
};

async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === undefined) throw new UsageError("A command is missing.");
  if (name === "--version" || name === "-v") return writeStdout(VERSION);
  if (name === "--help" || name === "-h") return writeStdout(await usage());
  if (name === "help") return help(args);
  const command = await find(name);
  context.usage = synopsis(command);
  const { flags, given } = readArguments(command, args);
  if (flags["help"] === true) return writeStdout(command.usage);
  context.given = given;
  if (command.settings.length > 0) {
    const names = readEnvFile();
    if (names.length > 0) writeStderr(`Settings from .env: ${names.join(", ")}.`);
  }
  const exitCode = await command.run(flags, given);
  // Pending work, such as closing a pipe, still runs.
  if (exitCode !== undefined) process.exitCode = exitCode;
}

/** What an error's report depends on, as far as it is known. */
const context: { usage?: string; given: GivenOptions } = { given: new Map() };

async function find(name: string): Promise<Command> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return load();
  const known = [...Object.keys(commands), "help", "--help", "--version"];
  throw new UsageError(`There is no command ${name}.${didYouMean(nearest(name, known))}`);
}

async function help([name]: readonly string[]): Promise<void> {
  await writeStdout(name === undefined ? await usage() : (await find(name)).usage);
}

const synopsis = ({ usage }: Command) => usage.slice(0, usage.indexOf("\n\n"));

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(9)} ${(await load()).summary}`),
  );
  return [
    "Usage: flux-dao COMMAND [OPTIONS]",
    "",
    "The data layer of the Flux agents.",
    "",
    ...lines,
    "",
    "Settings come from the environment and the file .env, first of all DATABASE_URL; flux-dao help serve lists them, and",
    "flux-dao help COMMAND the options of a command. flux-dao --version prints the version.",
    "",
  ].join("\n");
}

const args = process.argv.slice(2);
// Without a listener, a message for a reader that is gone, or for a full disk, would end a service that is stopping.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
// For process 1 of a container the kernel ignores a signal without a listener. A command that cleans up has one of its own.
const exitUnlessHandled = (signal: NodeJS.Signals, number: number) => {
  if (process.listenerCount(signal) === 1) process.exit(args[0] === "serve" ? 0 : 128 + number);
};
if (process.pid === 1) process.on("SIGINT", exitUnlessHandled).on("SIGTERM", exitUnlessHandled);
main(args).catch(async (error: unknown) => {
  const isJson = args.includes("--json");
  if (error instanceof UsageError && !isJson) {
    writeStderr(error.message, "", context.usage ?? (await usage()));
    process.exit(2);
  }
  await fail(error, context.given, isJson);
});
