import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openApiDocument } from "@flux/dao-http";
import generate, { astToString } from "openapi-typescript";
import { expect, test } from "vitest";
import { repository } from "../../scripts/repository.ts";
import { blocksOf } from "../docs/blocks.ts";
import { succeed } from "../tarballs/run.ts";
import { useRestServer } from "./server.ts";

const server = useRestServer();

/** `check:docs` follows the whole page, with every generator. */
test("how-to, Generate a client: what openapi-typescript generates compiles, and its program does what it shows", async () => {
  const blocks = blocksOf(await readFile(`${repository}docs/how-to/generate-a-client.md`, "utf8"));
  // Where the program finds what it imports.
  const folder = await mkdtemp(`${repository}node_modules/.generated-client-`);
  try {
    for (const name of ["tsconfig.json", "lines.ts", "with-openapi-fetch.ts"]) {
      const { code = "" } = blocks.find(({ title }) => title === name) ?? {};
      await writeFile(join(folder, name), code.replaceAll("http://localhost:8000", server.baseUrl));
    }
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await writeFile(join(folder, "api.d.ts"), astToString(await generate(JSON.stringify(openApiDocument()))));
    await succeed("npx", ["tsc", "--project", folder], { cwd: repository });
    const shown = blocks.find(({ code }) => code.endsWith("tsx with-openapi-fetch.ts"))?.shown;
    expect(await succeed("npx", ["tsx", join(folder, "with-openapi-fetch.ts")], { cwd: repository })).toBe(
      `${shown}\n`,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
