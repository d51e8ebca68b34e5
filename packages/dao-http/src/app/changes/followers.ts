import type { ChangeDto, ChangeService, FollowChangesRequest } from "@flux/dao-core/contract";
import { HttpError } from "../../http/problem.ts";
import { type ServiceKey, tenantOf } from "../auth.ts";

type Arrival = { readonly result: IteratorResult<ChangeDto> } | { readonly error: unknown };

/**
 * The requests that wait for changes: limited in number, since each holds a connection, and all ended by a stop. Where there are several
 * tenants, none may have more than are left for others, so each takes at most half of what those before it have left.
 */
export class Followers {
  readonly #limit: number;
  readonly #isShared: boolean;
  /** With their tenants. */
  readonly #open = new Map<Follower, string>();
  #isStopping = false;

  /** @param limit the maximum number at a time */
  constructor(limit: number, keys: readonly ServiceKey[]) {
    this.#limit = limit;
    this.#isShared = new Set(keys.map(tenantOf)).size > 1;
  }

  /** @param departure closes it when the client disconnects @throws HttpError `unavailable` if there are too many */
  follow(tenant: string, changes: ChangeService, request: FollowChangesRequest, departure: AbortSignal | undefined) {
    const left = this.#limit - this.#open.size;
    const own = this.#isShared ? [...this.#open.values()].filter((other) => other === tenant).length : 0;
    if (left <= 0 || own >= left) {
      const [whose, count] = left <= 0 ? ["", this.#limit] : [" of yours", own];
      const detail = `The service has ${count} callers${whose} that wait for changes, as many as it permits.`;
      throw new HttpError("unavailable", `${detail} Try again later, or list changes without wait.`);
    }
    const follower = new Follower(changes, request, departure, () => this.#open.delete(follower));
    this.#open.set(follower, tenant);
    if (this.#isStopping) follower.end();
    return follower;
  }

  /** Ends all, and those that will begin. */
  stop(): void {
    this.#isStopping = true;
    for (const follower of this.#open.keys()) follower.end();
  }
}

/** Takes changes as they come. */
class Follower {
  /** After all that was taken. */
  cursor: string;
  /** Whether nothing more will come. */
  isOver = false;
  readonly #changes: AsyncIterator<ChangeDto>;
  readonly #abort = new AbortController();
  readonly #departure: AbortSignal | undefined;
  readonly #closed: () => void;
  #arrival: Arrival | undefined;
  #wake: () => void = () => undefined;

  constructor(
    changes: ChangeService,
    request: FollowChangesRequest,
    departure: AbortSignal | undefined,
    closed: () => void,
  ) {
    this.cursor = request.cursor ?? "start";
    this.#closed = closed;
    this.#departure = departure;
    const onCursor = (cursor: string) => {
      this.cursor = cursor;
    };
    this.#changes = changes.followChanges(request, { signal: this.#abort.signal, onCursor })[Symbol.asyncIterator]();
    this.#readNext();
    departure?.addEventListener("abort", this.close);
    if (departure?.aborted === true) this.end();
  }

  /**
   * At most so many changes: those that are there as soon as there is one; none after so many milliseconds, and at the end.
   * @throws what the service throws
   */
  async take(limit: number, milliseconds: number): Promise<ChangeDto[]> {
    const taken: ChangeDto[] = [];
    while (taken.length < limit && !this.isOver) {
      if (this.#arrival === undefined) await this.#nextArrival(taken.length === 0 ? milliseconds : 0);
      if (this.#arrival === undefined || this.isOver) break;
      if ("error" in this.#arrival) {
        this.close();
        throw this.#arrival.error;
      }
      const { done, value } = this.#arrival.result;
      if (done === true) this.end();
      else {
        taken.push(value);
        this.cursor = value.cursor;
        this.#readNext();
      }
    }
    if (this.isOver) this.close();
    return taken;
  }

  /** Interrupts {@link take}. */
  end(): void {
    this.isOver = true;
    this.#wake();
  }

  readonly close = (): void => {
    this.end();
    this.#departure?.removeEventListener("abort", this.close);
    this.#abort.abort();
    this.#changes.return?.().catch(() => undefined);
    this.#closed();
  };

  #readNext(): void {
    this.#arrival = undefined;
    const arrive = (arrival: Arrival) => {
      this.#arrival = arrival;
      this.#wake();
    };
    this.#changes.next().then(
      (result) => arrive({ result }),
      (error: unknown) => arrive({ error }),
    );
  }

  /** Waits no longer than so many milliseconds; with 0, no longer than this turn of the event loop. */
  #nextArrival(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = milliseconds === 0 ? void setImmediate(resolve) : setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
