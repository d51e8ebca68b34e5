import { openDatabase } from "@flux/dao-core";
import { databaseTelemetry } from "@flux/dao-core/opentelemetry";
import { createDaoApp } from "@flux/dao-http";
import { createDaoClient, type DaoClient } from "@flux/dao-http/client";
import { appTelemetry, clientTelemetry } from "@flux/dao-http/opentelemetry";
import { startServer } from "@flux/dao-http/server";

/** A service in this process, and a client that calls it over the network. */
export interface TracedService extends AsyncDisposable {
  readonly client: DaoClient;
}

/** Starts the service on any free port, with everything traced: client, requests and database. */
export async function startTracedService(databaseUrl: string): Promise<TracedService> {
  const database = await openDatabase(databaseUrl, { telemetry: databaseTelemetry() });
  await database.migrate();
  const serviceKey = "example-key";
  const app = createDaoApp({
    services: database,
    keys: [{ name: "example", key: serviceKey }],
    telemetry: appTelemetry(),
  });
  const server = await startServer({ app, database, port: 0, stopDelay: 0 });
  const client = createDaoClient({ baseUrl: server.url, serviceKey, telemetry: clientTelemetry() });
  return { client, [Symbol.asyncDispose]: () => server.stop() };
}
