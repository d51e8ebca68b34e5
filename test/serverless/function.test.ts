import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { openDatabase } from "@flux/dao-core";
import { expect, test } from "vitest";
import { withScratchDatabase } from "../../packages/dao-core/test/scratch-database.ts";
import { compilePrograms } from "../programs.ts";

const id = "0198c5f0-7a3e-7cc1-8f5a-2f1d3b4c5d6e";

test("a function has one connection, and a request after a freeze works though the server closed it meanwhile", () =>
  withScratchDatabase(async ({ url, sql }) => {
    await (async () => {
      await using database = await openDatabase(url);
      await database.migrate();
    })();
    await using programs = await compilePrograms({ host: "test/serverless/host.ts" });
    const env = { ...process.env, DATABASE_URL: url };
    const host = spawn(process.execPath, [programs.file("host")], { env, stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface(host.stdout)[Symbol.asyncIterator]();
    const request = async (line: string) => {
      host.stdin.write(`${line}\n`);
      return (await lines.next()).value;
    };
    const connections = async () =>
      (await sql`select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`).map(
        ({ pid }) => pid,
      );
    try {
      expect(await request(id)).toBe('200 {"total":0}');
      const [before, ...others] = await connections();
      expect(others).toEqual([]);
      expect(await request("7")).toMatch(/^400 userId must be a UUID/);

      // For longer than a connection is used without a test.
      host.kill("SIGSTOP");
      await sql`select pg_terminate_backend(${before}, 5000)`;
      host.stdin.write("+60000\n");
      host.kill("SIGCONT");
      expect(await request(id)).toBe('200 {"total":0}');
      expect(await connections()).not.toContain(before);
    } finally {
      host.kill("SIGKILL");
    }
  }));
