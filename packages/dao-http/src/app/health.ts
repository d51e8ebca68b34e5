import { isDaoError } from "@flux/dao-core/errors";
import type { PublicResponse, WholeResponse } from "../http/http-message.ts";
import { READINESS_TIMEOUT, SCHEMAS_PER_PROBE } from "../wire/limits.ts";

/** Resolves if the service is ready; rejects with the reason if it is not. */
export type ReadinessCheck = (options: { readonly signal: AbortSignal }) => Promise<void>;

/** Checks one of the schemas that an app serves; `undefined` is that of its session. */
interface SchemaReadiness {
  readonly schema: string | undefined;
  readonly check: ReadinessCheck;
}

/**
 * Handles `/ready`: whether requests should be sent here. Of several schemas, one must be usable: another that is not, such as
 * that of a tenant not migrated yet, must not keep the others' requests away. Each call checks the last usable schema and the
 * next one of the others.
 */
export class Readiness {
  readonly #schemas: readonly SchemaReadiness[];
  /** The schemas found unusable, with the reasons. */
  readonly #reasons = new Map<SchemaReadiness, string>();
  /** The positions of the last usable schema, and of the other one that was last checked. */
  #usable = 0;
  #other = 0;
  #running: Promise<PublicResponse> | undefined;

  /** @param schemas at least one */
  constructor(schemas: readonly SchemaReadiness[]) {
    this.#schemas = schemas;
  }

  async respond(isStopping: boolean): Promise<PublicResponse> {
    // Planned, so without a warning.
    if (isStopping) return jsonResponse(503, { status: "not_ready", detail: "The service is stopping." });
    // Concurrent requests share one check.
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #check(): Promise<PublicResponse> {
    const signal = AbortSignal.timeout(READINESS_TIMEOUT);
    const reason = await this.#findUsable(signal);
    if (reason !== undefined) return { ...jsonResponse(503, { status: "not_ready", detail: reason }), warning: reason };
    this.#other = (this.#other + 1) % this.#schemas.length;
    if (this.#other !== this.#usable) await this.#checkAt(this.#other, signal);
    if (this.#reasons.size === 0) return jsonResponse(200, { status: "ready" });
    const schemas = [...this.#reasons.keys()].map(({ schema }) => schema);
    const [first] = this.#reasons.values();
    const warning = `${schemas.length} of ${this.#schemas.length} schemas cannot be used. ${first}`;
    return { ...jsonResponse(200, { status: "ready", schemas_not_ready: schemas }), warning };
  }

  /** Looks for a usable schema, beginning with the last one. Returns the reason if it finds none. */
  async #findUsable(signal: AbortSignal): Promise<string | undefined> {
    let reason: string | undefined;
    for (let tried = 0; tried < Math.min(this.#schemas.length, SCHEMAS_PER_PROBE); tried++) {
      const found = await this.#checkAt(this.#usable, signal);
      if (found === undefined) return undefined;
      reason ??= found.reason;
      // The others are in the same database.
      if (!found.isOfSchema) return found.reason;
      this.#usable = (this.#usable + 1) % this.#schemas.length;
    }
    return reason;
  }

  /** Returns why the schema cannot be used, and whether others may still be usable. */
  async #checkAt(
    position: number,
    signal: AbortSignal,
  ): Promise<{ readonly reason: string; readonly isOfSchema: boolean } | undefined> {
    const schema = this.#schemas[position];
    if (schema === undefined) return undefined;
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    try {
      await Promise.race([schema.check({ signal }), late]);
      this.#reasons.delete(schema);
      return undefined;
    } catch (error) {
      const reason = signal.aborted ? "The database did not respond in time." : reasonOf(error);
      const isOfSchema = isDaoError(error) && error.code === "schema_version";
      if (isOfSchema) this.#reasons.set(schema, reason);
      return { reason, isOfSchema };
    }
  }
}

function reasonOf(error: unknown): string {
  return isDaoError(error) ? error.message : "The database cannot be queried.";
}

/** Handles `/health`: the process runs, whatever the state of the database. */
export function respondHealthy(): WholeResponse {
  return jsonResponse(200, { status: "ok" });
}

function jsonResponse(status: number, body: object): WholeResponse {
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  return { status, headers, body: JSON.stringify(body) };
}
