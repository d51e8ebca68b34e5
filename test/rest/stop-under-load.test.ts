import { describe, expect, test } from "vitest";
import { amount } from "../depth.ts";
import { faultyNetwork } from "../faulty-network.ts";
import { NOTHING_DROPPED, stopUnderLoad } from "../overload/stop-under-load.ts";
import { useCli } from "./cli-process.ts";
import { useServiceDatabase } from "./service-database.ts";

const cli = useCli();
const KEY = "scheduler-key-def";

const database = useServiceDatabase();

/** The log lines of requests. */
const requestLines = (output: string) => output.split("\n").filter((line) => line.includes('"request_id"'));

describe("SIGTERM under load", () => {
  test("no request that was sent is dropped, /ready is 503 first, and no connection remains", async () => {
    for (let time = 0; time < amount(1, 3); time++) {
      // The log of probes too, which the report counts.
      await using service = cli.start({ DATABASE_URL: database.url, LOG_LEVEL: "debug" });
      const { port } = new URL(await service.started);
      const report = await stopUnderLoad(
        {
          port: Number(port),
          key: KEY,
          terminate: () => service.kill("SIGTERM"),
          exited: service.exited.then(String),
        },
        database.sql,
      );
      expect(report).toMatchObject(NOTHING_DROPPED);
      expect(report.acknowledged).toBeGreaterThan(50);
      expect(report.goneAfter).toBeLessThan(10_000);
      // Every response has its log line, including those of the last moment; the probe's last one is not counted.
      expect(requestLines(service.output()).length).toBeGreaterThanOrEqual(report.answers);
    }
  });

  test("with an unresponsive database it exits within its grace period of 10 s, with exit code 0", async () => {
    await using network = await faultyNetwork(database.url);
    await using service = cli.start({ DATABASE_URL: network.url });
    const baseUrl = await service.started;
    const read = () =>
      fetch(`${baseUrl}/api/v1/users/`, { headers: { "X-Flux-Service-Key": KEY } }).then(
        ({ status }) => status,
        () => "cut off",
      );
    expect(await read()).toBe(200);
    network.freeze();
    const waiting = Array.from({ length: 20 }, read);
    // They have reached the service once it has responded to a later one.
    expect((await fetch(`${baseUrl}/health`)).status).toBe(200);
    service.kill("SIGTERM");
    // The test's time-out has a margin for the load of the machine.
    expect(await service.exited).toBe(0);
    for (const outcome of await Promise.all(waiting)) expect([503, "cut off"]).toContain(outcome);
  });
});
