import { chmod, chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startEmbeddedPostgres } from "../../../scripts/postgres/embedded-postgres.ts";
import { openDatabase } from "../src/database.ts";
import { connect } from "./scratch-database.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "flux-standby-"));
  await chmod(folder, 0o777);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test("a hot standby serves reads, and is not ready until it is promoted", async () => {
  const dataDirectory = join(folder, "data");
  const primary = await startEmbeddedPostgres({ dataDirectory });
  await using before = await openDatabase(primary.url);
  await before.migrate();
  await before.close();
  await primary.stop();
  const signal = join(primary.dataDirectory, "standby.signal");
  await writeFile(signal, "");
  const { uid, gid } = await stat(primary.dataDirectory);
  await chown(signal, uid, gid);
  const standby = await startEmbeddedPostgres({ dataDirectory });
  try {
    await using database = await openDatabase(standby.url);
    await expect(database.checkReady()).rejects.toMatchObject({
      name: "UnavailableError",
      message: expect.stringMatching(/is read-only: it is a hot standby\. Connect to the primary/),
    });
    expect((await database.planMigrations()).sql).toBe("");
    const sql = connect(standby.url);
    await sql`select pg_promote()`;
    await sql.end();
    await database.checkReady();
  } finally {
    await standby.stop();
  }
});
