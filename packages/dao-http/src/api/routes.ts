import { conversationRoutes } from "./conversation-routes.ts";
import { demoFlagsRoutes } from "./demo-flags-routes.ts";
import { goalRoutes } from "./goal-routes.ts";
import { milestoneRoutes } from "./milestone-routes.ts";
import type { Operation, ServiceName } from "./operation.ts";
import { operations } from "./operations.ts";
import type { Route, RoutesOf } from "./route.ts";
import { taskRoutes } from "./task-routes.ts";
import { userRoutes } from "./user-routes.ts";

const routes = {
  users: userRoutes,
  goals: goalRoutes,
  milestones: milestoneRoutes,
  tasks: taskRoutes,
  conversations: conversationRoutes,
  demoFlags: demoFlagsRoutes,
} satisfies { readonly [Service in ServiceName]: RoutesOf<Service> };

/** One operation with all that is known of it. */
export interface ApiRoute {
  readonly service: ServiceName;
  /** The method's name, which is also the `operationId`. */
  readonly name: string;
  readonly operation: Operation;
  readonly route: Route;
  /** The template of the path at which a created row is from now on. */
  readonly location: string | undefined;
}

/** Every operation of the API, in the order of the table. */
export const apiRoutes: readonly ApiRoute[] = Object.entries(routes).flatMap(([service, routesOfService]) =>
  Object.entries<Route>(routesOfService).map(([name, route]) => {
    const table = operationsOf(service);
    const operation = table[name];
    if (operation === undefined) throw new TypeError(`The operation ${service}.${name} is not in the table.`);
    const location = route.location === undefined ? undefined : table[route.location]?.path;
    return { service: service as ServiceName, name, operation, route, location };
  }),
);

function operationsOf(service: string): Readonly<Record<string, Operation>> {
  return operations[service as ServiceName];
}
