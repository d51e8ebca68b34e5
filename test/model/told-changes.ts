import type { DaoServices, Page } from "@flux/dao-core";
import { Counterexample } from "./counterexample.ts";

type List = (request: { readonly cursor?: string }) => Promise<Page<{ readonly id: string }>>;

/** What the change feed has told of a world: the rows that exist, if it told everything once. */
export class ToldChanges {
  readonly #services: DaoServices;
  readonly #rows = new Set<string>();
  #cursor = "start";

  constructor(services: DaoServices) {
    this.#services = services;
  }

  /** @throws Counterexample if the changes contradict each other, or the rows that there are */
  async check(): Promise<void> {
    for (let hasNext = true; hasNext; ) {
      const page = await this.#services.changes.listChanges({ cursor: this.#cursor });
      for (const { entity, operation, id } of page.items) this.#apply(`${entity} ${id}`, operation);
      this.#cursor = page.nextCursor;
      hasNext = page.hasNext;
    }
    const rows = await this.#present();
    const wrong = [
      ...[...rows].filter((row) => !this.#rows.has(row)).map((row) => `${row} exists, and the feed has not told so`),
      ...[...this.#rows].filter((row) => !rows.has(row)).map((row) => `${row} is gone, and the feed has not told so`),
    ];
    if (wrong.length > 0) throw new Counterexample(wrong.join("\n"));
  }

  #apply(row: string, operation: string): void {
    const isKnown = this.#rows.has(row);
    if ((operation === "created") === isKnown) throw new Counterexample(`the feed tells that ${row} was ${operation}`);
    if (operation === "created") this.#rows.add(row);
    if (operation === "deleted") this.#rows.delete(row);
  }

  async #present(): Promise<Set<string>> {
    const { users, goals, milestones, tasks, conversations, demoFlags } = this.#services;
    const lists: Readonly<Record<string, List>> = {
      user: (request) => users.listUsers(request),
      goal: (request) => goals.listGoals(request),
      milestone: (request) => milestones.listMilestones(request),
      task: (request) => tasks.listTasks(request),
      conversation: (request) => conversations.listConversations(request),
    };
    const rows = new Set<string>();
    for (const [entity, list] of Object.entries(lists)) {
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page: Page<{ readonly id: string }> = await list(cursor === undefined ? {} : { cursor });
        for (const { id } of page.items) {
          rows.add(`${entity} ${id}`);
          if (entity !== "user") continue;
          const hasFlags = await demoFlags.getDemoFlags(id).then(
            () => true,
            () => false,
          );
          if (hasFlags) rows.add(`demo_flags ${id}`);
        }
        cursor = page.nextCursor;
      }
    }
    return rows;
  }
}
