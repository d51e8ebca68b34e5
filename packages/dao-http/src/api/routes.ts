import { conversationRoutes } from "./conversation-routes.ts";
import { demoFlagsRoutes } from "./demo-flags-routes.ts";
import { goalRoutes } from "./goal-routes.ts";
import { milestoneRoutes } from "./milestone-routes.ts";
import type { OperationTable } from "./operation.ts";
import type { Route } from "./route.ts";
import { taskRoutes } from "./task-routes.ts";
import { userRoutes } from "./user-routes.ts";

/**
 * The REST API (guide, "API Reference"): every operation, by name. `pnpm generate` writes from it what is needed at run time
 * (`operations.gen.ts`, `wire/field-kinds.gen.ts`).
 */
export const routes: { readonly [Name in keyof OperationTable]: Route } = {
  ...userRoutes,
  ...goalRoutes,
  ...milestoneRoutes,
  ...taskRoutes,
  ...conversationRoutes,
  ...demoFlagsRoutes,
};
