import {
  createDaoServices,
  createPieceServices,
  type DaoServices,
  DaoUnitOfWork,
  type DatabaseSession,
  type SchemaSession,
} from "@flux/dao-core";
import type { ServedData } from "./endpoint.ts";
import type { ReadinessCheck } from "./health.ts";
import { cleanup, idempotentHandler } from "./idempotency.ts";
import type { Logger } from "./log.ts";
import { type ReadReplica, readReplica } from "./read-replica.ts";

type Services = DaoServices | DatabaseSession;

function isSession(services: Services): services is DatabaseSession {
  return "transaction" in services;
}

/** @throws TypeError if the services have no other schemas; ValidationError for an invalid schema name */
export function inSchema(services: Services, schema: string | undefined): Services {
  if (schema === undefined) return services;
  if (isSession(services) && services.withSchema !== undefined) return services.withSchema(schema);
  throw new TypeError("A service key is bound to a schema, but the services are not a database with schemas.");
}

/** The schema of a session of `@flux/dao-core`. */
export function schemaOf(services: Services): string | undefined {
  return "schema" in services && typeof services.schema === "string" ? services.schema : undefined;
}

export function dataOf(services: Services, logger: Logger): ServedData {
  if (!isSession(services)) return { services, session: undefined, idempotency: undefined, pieces: undefined };
  const { changes } = services;
  return {
    services: createDaoServices(services),
    session: services,
    idempotency: idempotentHandler(services, logger),
    cleanUpChanges: changes && cleanup(services, logger, "changes", () => changes.deleteExpired()),
    // The body of a response could be sent after the end of a unit of work.
    pieces: services instanceof DaoUnitOfWork ? undefined : services.pieces && createPieceServices(services.pieces),
  };
}

/** A database's own check; others are always ready. */
export function readinessOf(services: Services): ReadinessCheck {
  return async (options) => {
    await Object(services).checkReady?.(options);
  };
}

/** A standby for the reads of each schema. @throws TypeError if the services are not a database */
export function replicasOf(
  services: Services,
  replica: SchemaSession,
  schemas: readonly (string | undefined)[],
  logger: Logger,
): ReadonlyMap<string | undefined, ReadReplica> {
  if (!isDatabase(services)) throw new TypeError("A replica needs a database as services, whose writes it replays.");
  return new Map(
    schemas.map((schema) => {
      const own = schema === undefined ? replica : replica.withSchema(schema);
      return [schema, readReplica(services, own, dataOf(own, logger))];
    }),
  );
}

function isDatabase(services: Services): services is SchemaSession {
  return "position" in services;
}
