import { styleText } from "node:util";
import type { Database, Finding as DatabaseFinding } from "@flux/dao-core";
import { isDaoError } from "@flux/dao-core/errors";
import { isPublicKey } from "../app/auth.ts";
import { SettingsError } from "../node/settings-error.ts";
import { openExisting, openStandby } from "../process/open-database.ts";
import { forOperators } from "../process/operator-text.ts";
import { readSettings, type Settings } from "../process/settings.ts";
import { VERSION } from "../wire/version.gen.ts";
import { type Command, DATABASE_OPTIONS, schemaNames, withGivenNames, writeStdout } from "./command.ts";

const usage = `Usage: flux-dao doctor [--schemas NAMES] [--json] [--database-url URL] [--schema NAME]

Looks at the settings, at the database in DATABASE_URL and, if there is one, at the standby in DATABASE_READ_URL, and reports
what to fix: whether it responds, the server is recent enough, the schema is at the version of this program and unaltered, the
role has its privileges, the clocks agree, and the keys are strong; of a standby also how far it lags, and with an embedded
database whether every index is complete. Changes nothing.

  --schemas NAMES  looks at many schemas, such as 'tenant_*' or a,b,c, instead of DB_SCHEMA (public)
  --json           prints the findings as JSON
${DATABASE_OPTIONS}

Exit codes: 0 nothing to fix; 1 something to fix; 2 called wrongly.
`;

/** The result of one check, of the data layer or the service. */
interface Finding extends Omit<DatabaseFinding, "name"> {
  readonly name: string;
  /** If several schemas are checked. */
  readonly schema?: string;
  /** If it is about the standby, not the primary. */
  readonly database?: "standby";
}

export const doctorCommand: Command = {
  summary: "check the settings and the database",
  usage,
  options: { schemas: { type: "string" }, json: { type: "boolean" } },
  settings: ["database-url", "schema"],
  async run(flags, given) {
    const { json } = flags;
    const findings = (await examine(schemaNames(flags))).map((finding) => {
      return { ...finding, message: withGivenNames(forOperators(finding.message), given) };
    });
    await writeStdout(json === true ? JSON.stringify(findings) : findings.map(toLine).join("\n"));
    return findings.every(({ ok }) => ok) ? 0 : 1;
  },
};

async function examine(schemas: readonly string[] | undefined): Promise<Finding[]> {
  let settings: Settings;
  try {
    settings = readSettings(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems.map((message) => ({ name: "settings", ok: false, message }));
  }
  const valid = { name: "settings", ok: true, message: ["The settings are valid.", ...settings.warnings].join(" ") };
  const versions = `This is flux-dao ${VERSION}, on Node.js ${process.versions.node}.`;
  const findings = [
    { name: "version", ok: true, message: versions },
    valid,
    ...keys(settings),
    ...(await database(openExisting(settings, ONE), schemas)),
  ];
  if (settings.readUrl === undefined) return findings;
  const ofStandby = await database(openStandby(settings, ONE), schemas);
  return [...findings, ...ofStandby.map((finding) => ({ ...finding, database: "standby" as const }))];
}

/** Minimum length of a key that cannot be guessed: 128 bits are 22 characters of base64, or 32 hexadecimal digits. */
const SHORTEST_KEY = 22;

function keys({ keys: known }: Settings): Finding[] {
  const name = "keys";
  // The settings' warnings name those.
  if (known.some(({ key }) => isPublicKey(key))) return [];
  const short = known.filter(({ key }) => key.length < SHORTEST_KEY).map((entry) => entry.name);
  if (short.length === 0) return [{ name, ok: true, message: `All ${known.length} service keys are long enough.` }];
  const message = `The keys of ${short.join(", ")} are shorter than ${SHORTEST_KEY} characters. Create new ones: openssl rand -hex 16.`;
  return [{ name, ok: false, message }];
}

const ONE = { poolSize: 1 };

async function database(opening: Promise<Database | undefined>, schemas: readonly string[] | undefined) {
  try {
    await using opened = await opening;
    if (opened === undefined) return [];
    const responds = { name: "database", ok: true, message: `${opened.description} responds.` };
    if (schemas === undefined) return [responds, ...(await opened.diagnose())];
    const findings: Finding[] = [responds];
    for (const name of await opened.findSchemas(schemas)) {
      const found = await opened.withSchema(name).diagnose().catch(unavailable);
      findings.push(...found.map((finding) => ({ ...finding, schema: name })));
    }
    return findings;
  } catch (error) {
    return unavailable(error);
  }
}

/** One schema may be locked, and the others still be looked at. */
function unavailable(error: unknown): Finding[] {
  if (!isDaoError(error)) throw error;
  return [{ name: "database", ok: false, message: error.message }];
}

function toLine({ name, ok, message, schema, database }: Finding): string {
  // Coloured only on a terminal, and unless NO_COLOR is set (no-color.org).
  const mark = ok ? styleText("green", "ok  ") : styleText("red", "fail");
  const subject = [database, schema].filter((part) => part !== undefined).map((part) => `${part}  `);
  return `${mark}  ${subject.join("")}${name.padEnd(10)}  ${message}`;
}
