import { styleText } from "node:util";
import { openDatabase } from "@flux/dao-core";
import { isDaoError } from "@flux/dao-core/errors";
import { isPublicKey } from "../app/development-keys.ts";
import { SettingsError } from "../node/settings-error.ts";
import { readSettings, type Settings } from "../process/settings.ts";
import type { Command } from "./command.ts";
import { writeStdout } from "./output.ts";

const usage = `Usage: flux-dao doctor [--json]

Looks at the settings and at the database in DATABASE_URL, and says what to fix: does it respond, is the server new enough,
is the schema at the version of this program and as the migrations made it, may the role do its work, do the clocks agree,
are the keys good; of an embedded database also, has every index the rows of its table. Changes nothing.

  --json   prints the findings as JSON

Exit codes: 0 nothing to fix; 1 something to fix; 2 called wrongly.
`;

/** What one look found: those of the data layer, and some of the service's own. */
interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

/** `flux-dao doctor` */
export const doctorCommand: Command = {
  summary: "say what is wrong with the settings and the database",
  usage,
  options: { json: { type: "boolean" } },
  async run({ json }) {
    const findings = await examine();
    if (json === true) await writeStdout(JSON.stringify(findings));
    else await writeStdout(findings.map(toLine).join("\n"));
    return findings.every(({ ok }) => ok) ? 0 : 1;
  },
};

async function examine(): Promise<Finding[]> {
  const settings = settingsOf(process.env);
  if (!("databaseUrl" in settings))
    return settings.problems.map((message) => ({ name: "settings", ok: false, message }));
  return [
    { name: "settings", ok: true, message: "The settings can be used." },
    keys(settings),
    ...(await database(settings)),
  ];
}

function settingsOf(environment: NodeJS.ProcessEnv): Settings | SettingsError {
  try {
    return readSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
}

/** Characters below which a key can be guessed: 128 bits of hexadecimal digits have 32, of base64 22. */
const SHORTEST_KEY = 22;

function keys({ keys: known }: Settings): Finding {
  const name = "keys";
  const isPublic = known.some(({ key }) => isPublicKey(key));
  if (isPublic) {
    const message =
      "The guide's development keys are in use: everyone knows them. Set SERVICE_API_KEYS before others can connect.";
    return { name, ok: true, message };
  }
  const short = known.filter(({ key }) => key.length < SHORTEST_KEY).map((entry) => entry.name);
  if (short.length === 0)
    return { name, ok: true, message: `There are ${known.length} service keys of enough characters.` };
  const message = `The keys of ${short.join(", ")} are shorter than ${SHORTEST_KEY} characters. Make others: openssl rand -hex 16.`;
  return { name, ok: false, message };
}

async function database({ databaseUrl, prepare, limits }: Settings): Promise<Finding[]> {
  try {
    await using opened = await openDatabase(databaseUrl, { ...limits, poolSize: 1, prepare });
    return [{ name: "database", ok: true, message: `${opened.description} answers.` }, ...(await opened.diagnose())];
  } catch (error) {
    if (!isDaoError(error)) throw error;
    return [{ name: "database", ok: false, message: error.message }];
  }
}

function toLine({ name, ok, message }: Finding): string {
  const mark = ok ? styled("green", "ok  ") : styled("red", "fail");
  return `${mark}  ${name.padEnd(10)}  ${message}`;
}

/** Colour is for terminals, and for those who want it (no-color.org). */
function styled(colour: "green" | "red", text: string): string {
  const wantsColour = process.stdout.isTTY === true && !process.env["NO_COLOR"];
  return wantsColour ? styleText(colour, text) : text;
}
