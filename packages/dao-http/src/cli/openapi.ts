import { writeFile } from "node:fs/promises";
import { openApiDocument } from "../openapi/openapi-document.ts";
import type { Command } from "./command.ts";
import { writeStderr, writeStdout } from "./output.ts";

const usage = `Usage: flux-dao openapi [--out FILE]

Prints the OpenAPI 3.1 document of the REST API, the same that the service has at /openapi.json. It needs no database.

  --out FILE   writes it to a file
`;

/** `flux-dao openapi` */
export const openApiCommand: Command = {
  summary: "print the OpenAPI document of the REST API",
  usage,
  options: { out: { type: "string" } },
  async run({ out }) {
    const text = `${JSON.stringify(openApiDocument(), null, 2)}\n`;
    if (typeof out !== "string") await writeStdout(text);
    else {
      await writeFile(out, text);
      writeStderr(`The OpenAPI document is in ${out}.`);
    }
    return 0;
  },
};
