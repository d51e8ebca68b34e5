import fc from "fast-check";
import { type OpenApiDocument, type Operation, operationsOf } from "../rest/openapi-document.ts";
import { type Shot, ShotMaker, type Shots } from "./arbitrary/shots.ts";
import { exchange } from "./exchange.ts";
import { Findings } from "./findings.ts";
import type { FuzzedServer } from "./fuzzed-server.ts";
import { BadResponseError, type HttpResponse, parseResponses } from "./http-response.ts";
import { KnownIds, NEWEST_FIRST, singular } from "./known-ids.ts";
import { NDJSON, parseLines } from "./lines.ts";
import type { FuzzRequest } from "./request.ts";
import { ResponseCheck } from "./response-check.ts";
import { StatusTable } from "./status-table.ts";

/** Number of concurrent connections. */
const SENDERS = 6;
/** Rows of each kind that are created first. */
const FIRST_ROWS = 8;

/** Attempts for an operation that finds no row, or not the one that it needs. */
const MAX_TRIES = 50;

/** Shots per seed. */
const BATCH = 25;
/** Milliseconds for a batch, including the shrinking of a shot with a problem. */
const MAX_BATCH_TIME = 30_000;

/** Operations that create rows come first, those that delete them last. */
function rankOf({ method }: Operation): number {
  return method === "DELETE" ? 2 : method === "POST" || method === "PUT" ? 0 : 1;
}

/** A fuzz run of a server, which can be continued after looking at its results so far. */
export class Fuzz {
  readonly table = new StatusTable();
  readonly findings = new Findings();
  readonly document: OpenApiDocument;
  readonly #server: FuzzedServer;
  readonly #check: ResponseCheck;
  readonly #shots: ShotMaker;
  readonly #known = new KnownIds();
  #seed: number;
  #requests = 0;

  private constructor(server: FuzzedServer, document: OpenApiDocument, seed: number) {
    this.document = document;
    this.#server = server;
    this.#check = new ResponseCheck(document, server.key);
    this.#shots = new ShotMaker(document, server.key);
    this.#seed = seed;
  }

  /** Fuzzes everything in the document that `server` serves. The requests depend on `seed`, except for ids of rows. */
  static async start(server: FuzzedServer, seed: number): Promise<Fuzz> {
    const response = await fetch(`${server.baseUrl}/openapi.json`);
    if (!response.ok) throw new Error(`/openapi.json responded with ${response.status}: ${await response.text()}`);
    const fuzz = new Fuzz(server, (await response.json()) as OpenApiDocument, seed);
    await fuzz.#makeRows();
    return fuzz;
  }

  /** How many requests were sent. */
  get requests(): number {
    return this.#requests;
  }

  /** The operations that never succeeded, so that their responses were not checked. */
  get neverDone(): readonly string[] {
    const rest = operationsOf(this.document).filter((operation) => !this.table.isDone(operation));
    return rest.map(({ method, path }) => `${method} ${path}`);
  }

  /** Sends until the total reaches `requests`. */
  async sendUntil(requests: number): Promise<void> {
    const isEnough = () => this.#requests >= requests || this.#server.end() !== undefined;
    const send = async () => {
      while (!isEnough()) await this.#run(this.#shots.any, BATCH, isEnough);
    };
    await Promise.all(Array.from({ length: SENDERS }, send));
    const end = this.#server.end();
    if (end !== undefined) throw new Error(`The server ended (${end}):\n${this.#server.complaints()}`);
  }

  /** Creates rows, then runs every operation until it succeeds once, deletes last. */
  async #makeRows(): Promise<void> {
    const operations = operationsOf(this.document).sort((a, b) => rankOf(a) - rankOf(b));
    for (const operation of operations) {
      const shots = this.#shots.valid(operation);
      await this.#run(shots, rankOf(operation) === 0 ? FIRST_ROWS : 1);
      await this.#run(shots, MAX_TRIES, () => this.table.isDone(operation));
    }
  }

  /** Sends shots with a seed of their own. One that shows a new problem is shrunk while it shows the same problem. */
  async #run(shots: Shots, numRuns: number, isEnough = () => false): Promise<void> {
    let kind: string | undefined;
    const send = async (draft: (known: KnownIds) => Shot | undefined) => {
      const shot = isEnough() ? undefined : draft(this.#known);
      if (shot === undefined) return true;
      const kinds = await this.#send(shot);
      kind ??= kinds.find((kind) => this.findings.isNew(kind));
      return kind === undefined || !kinds.includes(kind);
    };
    const property = fc.asyncProperty(shots, send);
    const limits = { numRuns, interruptAfterTimeLimit: MAX_BATCH_TIME };
    const { failed, errorInstance } = await fc.check(property, { seed: this.#seed++, ...limits });
    if (failed && kind === undefined) throw errorInstance;
  }

  /** Sends a shot; returns the kinds of problems in its responses. */
  async #send(shot: Shot): Promise<string[]> {
    this.#requests += shot.requests.length;
    let received: Uint8Array = new Uint8Array();
    let responses: HttpResponse[];
    try {
      received = await exchange(this.#server.baseUrl, shot);
      responses = parseResponses(
        received,
        shot.requests.map(({ method }) => method),
      );
    } catch (error) {
      const what = error instanceof BadResponseError ? "invalid HTTP: " : "";
      return [this.findings.add(shot, 0, what + (error instanceof Error ? error.message : String(error)), received)];
    }
    const kinds: string[] = [];
    if (responses.length !== shot.requests.length) {
      const problem = `${responses.length} responses to ${shot.requests.length} requests`;
      kinds.push(this.findings.add(shot, 0, problem, received));
    }
    for (const [index, response] of responses.entries()) {
      const request = shot.requests[index];
      if (request === undefined) continue;
      this.table.add(request, response.status);
      const problems = this.#check.problemsOf(request, response);
      kinds.push(...problems.map((problem) => this.findings.add(shot, index, problem, received)));
      if (response.status < 300 && problems.length === 0) this.#learn(request, response);
    }
    return kinds;
  }

  #learn({ operation, method, target }: FuzzRequest, { headers, body }: HttpResponse): void {
    for (const [name, value] of headers) if (name === "etag") this.#known.learn("etag", { id: value });
    const segments = operation.path.split("/").filter((segment) => segment !== "" && !segment.startsWith("{"));
    if (method === "HEAD" || body.length === 0 || segments[0] !== "api") return;
    const text = Buffer.from(body).toString("utf8");
    const isByLines = headers.some(([name, value]) => name === "content-type" && value === NDJSON);
    const value: unknown = isByLines ? parseLines(text) : JSON.parse(text);
    const order = new URL(target, "http://localhost").searchParams.get("sort") ?? NEWEST_FIRST;
    const isOfChanges = segments[2] === "changes";
    this.#known.learn(singular(segments[2] ?? ""), isOfChanges ? endOf(value) : value, order);
  }
}

/** Where changes continue. The rows that they are of may be gone. */
function endOf(changes: unknown): object {
  const last: unknown = Array.isArray(changes) ? changes.at(-1) : changes;
  return { next_cursor: Reflect.get(Object(last), "next_cursor") ?? Reflect.get(Object(last), "cursor") };
}
