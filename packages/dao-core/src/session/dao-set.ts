import type { Daos } from "./daos.ts";

/** What carries the DAOs: a session, or a unit of work with those of its session. */
export abstract class DaoSet implements Daos {
  readonly users: Daos["users"];
  readonly goals: Daos["goals"];
  readonly milestones: Daos["milestones"];
  readonly tasks: Daos["tasks"];
  readonly conversations: Daos["conversations"];
  readonly demoFlags: Daos["demoFlags"];
  readonly idempotencyKeys: Daos["idempotencyKeys"];

  constructor(daos: Daos) {
    this.users = daos.users;
    this.goals = daos.goals;
    this.milestones = daos.milestones;
    this.tasks = daos.tasks;
    this.conversations = daos.conversations;
    this.demoFlags = daos.demoFlags;
    this.idempotencyKeys = daos.idempotencyKeys;
  }
}
