import { readFileSync } from "node:fs";
import { PRISMA_VERSION } from "./in-process/contenders/prisma/provide-client.ts";

const root = new URL("../node_modules/", import.meta.url);

const INSTALLED = [
  "postgres",
  "pg",
  "drizzle-orm",
  "kysely",
  "@mikro-orm/postgresql",
  "typeorm",
  "fastify",
  "hono",
  "@hono/node-server",
];

/** The versions of the competing libraries, by package. */
export function competitorVersions(): Record<string, string> {
  const installed = INSTALLED.map((name): [string, string] => {
    const { version }: { version: string } = JSON.parse(readFileSync(new URL(`${name}/package.json`, root), "utf8"));
    return [name, version];
  });
  return { ...Object.fromEntries(installed), "@prisma/client": PRISMA_VERSION };
}
