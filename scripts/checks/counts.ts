/**
 * Measures the size of the product, and how many of its files a call crosses: those with a function that runs during one call
 * of a warm service. Exits with 1 if a bound is exceeded.
 */
import { readdirSync, readFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createDaoServices, DaoTaskService, openDatabase } from "@flux/dao-core";
import { createLogger, readSettings, startService } from "@flux/dao-http/server";
import { startTestServer } from "../postgres/test-server.ts";
import { repository } from "../repository.ts";

/** Calls before the measured one, so that nothing is opened, compiled or prepared for the first time during it. */
const WARM_UP = 50;
const KEY = "counts-key-0123456789abcdef0123456789abcdef";

const bounds = { files: 200, lines: 18_500, "in process": 12, "over HTTP": 35 };
const counts = new Map<string, number>();
const isVerbose = process.argv.includes("--verbose");

function report(what: keyof typeof bounds | undefined, sentence: string, count: number): void {
  const bound = what === undefined ? "" : ` (at most ${bounds[what].toLocaleString("en")})`;
  console.log(`${sentence}: ${count.toLocaleString("en")}${bound}`);
  if (what !== undefined) counts.set(what, count);
}

const isProduct = (file: string) => !/\.test\.ts$|\.gen\.ts$|\/testing\//.test(file);
const product = readdirSync(join(repository, "packages"), { recursive: true, encoding: "utf8" })
  .map((file) => `packages/${file.replaceAll("\\", "/")}`)
  .filter((file) => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(file) && isProduct(file));
const lengths = product.map((file) => readFileSync(join(repository, file), "utf8").split("\n").length - 1);
lengths.sort((one, other) => one - other);
report("files", "Product files", product.length);
report(
  "lines",
  "Product lines",
  lengths.reduce((sum, length) => sum + length, 0),
);
report(undefined, "Lines of the median file", lengths[Math.floor(lengths.length / 2)] ?? 0);

/** The product files with a function that runs during `call`, by V8's precise coverage. */
async function filesCrossedBy(call: () => Promise<unknown>): Promise<string[]> {
  for (let turn = 0; turn < WARM_UP; turn++) await call();
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await call();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  const root = pathToFileURL(repository).href;
  const hasRun = ({ functions }: Profiler.ScriptCoverage) =>
    functions.some(({ ranges }) => ranges.some(({ count }) => count > 0));
  const files = result.filter(hasRun).map(({ url }) => url.split("?")[0] ?? "");
  return files
    .filter((url) => url.startsWith(root))
    .map((url) => url.slice(root.length))
    .filter((file) => file.startsWith("packages/") && file.includes("/src/") && isProduct(file))
    .sort();
}

function reportFiles(what: "in process" | "over HTTP", sentence: string, files: readonly string[]): void {
  report(what, sentence, files.length);
  if (isVerbose) for (const file of files) console.log(`  ${file}`);
}

const postgres = await startTestServer();
try {
  const db = await openDatabase(postgres.url);
  await db.migrate();
  const { users, goals } = createDaoServices(db);
  const user = await users.createUser({ name: "Ada", email: `ada-${Date.now()}@example.com` });
  const goal = await goals.createGoal({ userId: user.id, title: "Learn Spanish" });
  const tasks = new DaoTaskService(db);
  const { id } = await tasks.createTask({ userId: user.id, goalId: goal.id, title: "Read a page" });
  reportFiles("in process", "Files crossed by getTask in process", await filesCrossedBy(() => tasks.getTask(id)));
  await users.deleteUser(user.id);
  await db.close();

  const settings = readSettings({ DATABASE_URL: postgres.url, SERVICE_API_KEYS: KEY, PORT: "0" });
  await using service = await startService(settings, createLogger({ level: "error" }));
  const headers = { "x-flux-service-key": KEY, "content-type": "application/json" };
  const post = async (path: string, body: object): Promise<{ id: string }> => {
    const url = `${service.url}/api/v1/${path}`;
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return Object(await response.json());
  };
  const owner = await post("users", { name: "Ada", email: `ada-${Date.now()}@example.com` });
  const aim = await post("goals", { user_id: owner.id, title: "Learn Spanish" });
  const task = { user_id: owner.id, goal_id: aim.id, title: "Read a page" };
  reportFiles("over HTTP", "Files crossed by POST /tasks over HTTP", await filesCrossedBy(() => post("tasks", task)));
} finally {
  await postgres.stop();
}

for (const [what, bound] of Object.entries(bounds)) if ((counts.get(what) ?? 0) > bound) process.exitCode = 1;
