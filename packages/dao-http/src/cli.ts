#!/usr/bin/env node
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Command, fail, UsageError, writeStderr, writeStdout } from "./cli/command.ts";

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
  if (name === "--help" || name === "-h") return writeStdout(await usage());
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw new UsageError(`There is no command ${name}.`);
  const command = await load();
  const flags = parseFlags(command, args);
  if (flags["help"] === true) return writeStdout(command.usage);
  const exitCode = await command.run(flags);
  // Pending work, such as closing a pipe, still runs.
  if (exitCode !== undefined) process.exitCode = exitCode;
}

function parseFlags({ options }: Command, args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { ...options, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `  ${name.padEnd(9)} ${(await load()).summary}`),
  );
  return [
    "Usage: flux-dao COMMAND [--help]",
    "",
    "The data layer of the Flux agents.",
    "",
    ...lines,
    "",
    "Settings come from the environment, first of all DATABASE_URL; flux-dao serve --help lists them.",
    "",
  ].join("\n");
}

main(process.argv.slice(2)).catch(async (error: unknown) => {
  if (!(error instanceof UsageError)) return fail(error);
  writeStderr(error.message, "", await usage());
  process.exit(2);
});
