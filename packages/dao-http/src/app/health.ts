import { isDaoError } from "@flux/dao-core/errors";
import type { PublicResponse, WholeResponse } from "../http/http-message.ts";
import type { ServiceState } from "../openapi/start-page.ts";
import { READINESS_TIMEOUT, SCHEMAS_PER_PROBE } from "../wire/limits.ts";
import { VERSION } from "../wire/version.gen.ts";

/** Resolves if the service is ready; rejects with the reason if it is not. */
export type ReadinessCheck = (options: { readonly signal: AbortSignal }) => Promise<void>;

/** Checks one of the schemas that an app serves; without a name if that of its services is not known. */
interface SchemaReadiness {
  readonly schema: string | undefined;
  readonly check: ReadinessCheck;
}

/**
 * Handles `/ready`: whether requests should be sent here. Of several schemas, one must be usable: another that is not, such as
 * that of a tenant not migrated yet, must not keep the others' requests away. Each call checks the last usable schema, one that
 * was unusable, and the next one of all.
 * @param schemas at least one
 * @param checkReplica of a standby, without which the service is still ready: then all reads are sent to the primary
 */
export function createReadiness(schemas: readonly SchemaReadiness[], checkReplica?: ReadinessCheck) {
  const isOnly = schemas.length === 1;
  /** The schemas found unusable, with the reasons; the one checked longest ago comes first. */
  const reasons = new Map<SchemaReadiness, string>();
  /** The positions of the last usable schema, and of the other one that was last checked. */
  let [usable, other] = [0, 0];
  let running: Promise<ServiceState> | undefined;
  return { respond, find };

  async function respond(isStopping: boolean): Promise<PublicResponse> {
    const { warning, ...state } = await find(isStopping);
    return { ...jsonResponse(state.status === "ready" ? 200 : 503, state), warning };
  }

  async function find(isStopping: boolean): Promise<ServiceState> {
    // Planned, so without a warning.
    if (isStopping) return { status: "not_ready", detail: "The service is stopping." };
    // Concurrent requests share one check.
    running ??= check().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function check(): Promise<ServiceState> {
    const deadline = performance.now() + READINESS_TIMEOUT;
    const reason = await findUsable(deadline);
    if (reason !== undefined) return { status: "not_ready", detail: reason, warning: reason };
    other = (other + 1) % schemas.length;
    const [unusable] = reasons.keys();
    const others = new Set([unusable, schemas[other]]);
    others.delete(schemas[usable]);
    const soon = performance.now() + READINESS_TIMEOUT / 3;
    const [standby] = await Promise.all([
      findReplicaReason(soon),
      ...[...others].map((schema) => findReason(schema, soon)),
    ]);
    if (reasons.size === 0 && standby === undefined) return { status: "ready" };
    const unready = [...reasons.keys()].map(({ schema }) => schema);
    const [first] = reasons.values();
    const warnings = [
      ...(first === undefined ? [] : [`${unready.length} of ${schemas.length} schemas cannot be used. ${first}`]),
      ...(standby === undefined ? [] : [`Reads are sent to the primary. ${standby}`]),
    ];
    const restrictions = {
      ...(first !== undefined && { schemas_not_ready: unready }),
      ...(standby !== undefined && { standby_not_ready: standby }),
    };
    return { status: "ready", ...restrictions, warning: warnings.join(" ") };
  }

  async function findReplicaReason(deadline: number): Promise<string | undefined> {
    if (checkReplica === undefined) return undefined;
    const failure = await failureOf(checkReplica, deadline);
    return failure && (failure.isSilence ? "The standby did not respond in time." : reasonOf(failure.error));
  }

  /** Looks for a usable schema, beginning with the last one. Returns the reason if it finds none. */
  async function findUsable(deadline: number): Promise<string | undefined> {
    let reason: string | undefined;
    let wasSilent = false;
    for (let tried = 0; tried < Math.min(schemas.length, SCHEMAS_PER_PROBE); tried++) {
      // Time is left to find out whether the database is silent, or one schema, whose tables a migration has locked.
      const share = isOnly || wasSilent ? 1 : 2 / 3;
      const now = performance.now();
      const found = await findReason(schemas[usable], now + (deadline - now) * share);
      if (found === undefined) return undefined;
      // The others are in the same database.
      if (found.scope === "database" || isOnly) return found.reason;
      if (found.scope === "silence" && wasSilent) return "The database did not respond in time.";
      wasSilent ||= found.scope === "silence";
      reason ??= found.reason;
      usable = (usable + 1) % schemas.length;
    }
    return reason;
  }

  /**
   * Returns why the schema cannot be used, and how that is known: by its own state, by silence, or since the database cannot be used;
   * `undefined` if it can.
   */
  async function findReason(schema: SchemaReadiness | undefined, deadline: number) {
    if (schema === undefined) return undefined;
    const failure = await failureOf(schema.check, deadline);
    reasons.delete(schema);
    if (failure === undefined) return undefined;
    const { error, isSilence } = failure;
    const reason = isSilence
      ? `${isOnly ? "The database" : `The schema ${schema.schema}`} did not respond in time.`
      : reasonOf(error);
    const isOfSchema = isDaoError(error) && error.code === "schema_version";
    const scope = isSilence ? "silence" : isOfSchema ? "schema" : "database";
    if (scope !== "database") reasons.set(schema, reason);
    return { reason, scope };
  }
}

/** Runs a check until the deadline; returns why it failed, and whether that is because the time was over. */
export async function failureOf(check: ReadinessCheck, deadline: number) {
  const signal = AbortSignal.timeout(Math.max(0, Math.round(deadline - performance.now())));
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    await Promise.race([check({ signal }), late]);
    return undefined;
  } catch (error) {
    return { error, isSilence: signal.aborted };
  }
}

function reasonOf(error: unknown): string {
  return isDaoError(error) ? error.message : "The database cannot be queried.";
}

/** Handles `/health`: the process runs, whatever the state of the database. */
export function respondHealthy(): WholeResponse {
  return jsonResponse(200, { status: "ok", version: VERSION });
}

function jsonResponse(status: number, body: object): WholeResponse {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { status, headers, body: JSON.stringify(body) };
}
