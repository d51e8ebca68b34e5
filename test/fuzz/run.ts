import { Random } from "../random.ts";
import { type OpenApiDocument, type Operation, operationsOf } from "../rest/openapi-document.ts";
import { AnswerCheck } from "./answer-check.ts";
import { exchange } from "./exchange.ts";
import { Findings } from "./findings.ts";
import type { FuzzedServer } from "./fuzzed-server.ts";
import { BadResponseError, type HttpResponse, parseResponses } from "./http-response.ts";
import { IdStock, singular } from "./id-stock.ts";
import { NDJSON, parseLines } from "./lines.ts";
import type { FuzzRequest } from "./request.ts";
import { RequestMaker } from "./request-maker.ts";
import { type Shot, Shots } from "./shots.ts";
import { StatusTable } from "./status-table.ts";

/** How many connections send at a time. */
const SENDERS = 6;
/** How many rows of each kind there are before it begins. */
const FIRST_ROWS = 8;

/** How often an operation is tried that finds no row, or not the one that it needs. */
const MAX_TRIES = 50;

/** What makes rows comes first, what deletes them last. */
function rankOf({ method }: Operation): number {
  return method === "DELETE" ? 2 : method === "POST" || method === "PUT" ? 0 : 1;
}

/** A fuzz of a server, which can go on after a look at what it did so far. */
export class Fuzz {
  readonly table = new StatusTable();
  readonly findings = new Findings();
  readonly document: OpenApiDocument;
  readonly #server: FuzzedServer;
  readonly #check: AnswerCheck;
  readonly #ids = new IdStock();
  readonly #senders: readonly Shots[];
  #requests = 0;

  private constructor(server: FuzzedServer, document: OpenApiDocument, seed: number) {
    this.document = document;
    this.#server = server;
    this.#check = new AnswerCheck(document, server.key);
    const random = new Random(seed);
    const operations = operationsOf(document);
    this.#senders = Array.from({ length: SENDERS }, () => {
      const own = random.fork();
      return new Shots(own, document, operations, new RequestMaker(own, document, this.#ids, server.key));
    });
  }

  /** A fuzz of all that the document says that `server` serves. What it sends depends on `seed`, but for ids of rows. */
  static async start(server: FuzzedServer, seed: number): Promise<Fuzz> {
    const response = await fetch(`${server.baseUrl}/openapi.json`);
    if (!response.ok) throw new Error(`/openapi.json answers ${response.status}: ${await response.text()}`);
    const fuzz = new Fuzz(server, (await response.json()) as OpenApiDocument, seed);
    await fuzz.#makeRows();
    return fuzz;
  }

  /** How many requests were sent. */
  get requests(): number {
    return this.#requests;
  }

  /** The operations that no request was done for: what they answer then was not seen. */
  get neverDone(): readonly string[] {
    const rest = operationsOf(this.document).filter((operation) => !this.table.isDone(operation));
    return rest.map(({ method, path }) => `${method} ${path}`);
  }

  /** Sends until there were this many in all. */
  async sendUntil(requests: number): Promise<void> {
    await Promise.all(
      this.#senders.map(async (shots) => {
        while (this.#requests < requests && this.#server.end() === undefined) await this.#send(shots.next());
      }),
    );
    const end = this.#server.end();
    if (end !== undefined) throw new Error(`The server ended (${end}):\n${this.#server.complaints()}`);
  }

  /** Makes rows, and then has every operation done once, those that delete last. */
  async #makeRows(): Promise<void> {
    const [shots] = this.#senders;
    if (shots === undefined) return;
    const operations = operationsOf(this.document).sort((a, b) => rankOf(a) - rankOf(b));
    for (const operation of operations) {
      const times = rankOf(operation) === 0 ? FIRST_ROWS : 1;
      for (let time = 0; time < times; time++) await this.#send(shots.first(operation));
      for (let time = 0; time < MAX_TRIES && !this.table.isDone(operation); time++) {
        await this.#send(shots.first(operation));
      }
    }
  }

  async #send(shot: Shot): Promise<void> {
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
      const what = error instanceof BadResponseError ? "what is no HTTP: " : "";
      this.findings.add(shot, 0, what + (error instanceof Error ? error.message : String(error)), received);
      return;
    }
    if (responses.length !== shot.requests.length) {
      this.findings.add(shot, 0, `${responses.length} answers to ${shot.requests.length} requests`, received);
    }
    for (const [index, response] of responses.entries()) {
      const request = shot.requests[index];
      if (request === undefined) continue;
      this.table.add(request, response.status);
      const problems = this.#check.problemsOf(request, response);
      for (const problem of problems) this.findings.add(shot, index, problem, received);
      if (response.status < 300 && problems.length === 0) this.#learn(request, response);
    }
  }

  #learn({ operation, method }: FuzzRequest, { headers, body }: HttpResponse): void {
    for (const [name, value] of headers) if (name === "etag") this.#ids.learn("etag", { id: value });
    const segments = operation.path.split("/").filter((segment) => segment !== "" && !segment.startsWith("{"));
    if (method === "HEAD" || body.length === 0 || segments[0] !== "api") return;
    const text = Buffer.from(body).toString("utf8");
    const isByLines = headers.some(([name, value]) => name === "content-type" && value === NDJSON);
    this.#ids.learn(singular(segments[2] ?? ""), isByLines ? parseLines(text) : JSON.parse(text));
  }
}
