import type { SchemaDifference } from "./schema-difference.ts";
import type { SchemaFact } from "./schema-facts.ts";

/** Returns what keeps this connection's role from using the tables, or the server from enforcing their rules on its writes. */
export function findObstacles(facts: readonly SchemaFact[]): SchemaDifference[] {
  return facts.flatMap((fact) => obstacleOf(fact) ?? []);
}

function obstacleOf({ kind, table, name, detail }: SchemaFact): SchemaDifference | undefined {
  switch (kind) {
    case "search path":
      return {
        what: `the search_path (${detail}) of this connection does not lead to public.${table.replaceAll(", ", ", public.")}`,
        advice:
          "Set it to public for this role (alter role … set search_path = public), and grant usage on that schema.",
      };
    case "replica identity":
      return {
        what: `public.${table} is published without a replica identity, so the server rejects every ${name.replace(", ", " and ")}`,
        advice: `Run: alter table public.${table} replica identity default;`,
      };
    case "replication role":
      return {
        what: "the session_replication_role of this connection is replica, so the server does not enforce foreign keys",
        advice:
          `Run: alter role ${detail} reset session_replication_role; and the same for the database, if it is set there. ` +
          "Rows written in the meantime may refer to rows that do not exist.",
      };
    case "privileges":
      return { what: `the role may not ${detail.replace(/ to .*$/, "")}`, advice: `Run: grant ${detail};` };
    case "policies":
      return {
        what: `row-level security on public.${table} has no policy that lets the role ${name}`,
        advice:
          `Create a policy on public.${table} for ${detail}, drop those that exclude every row (using (false)), or use a ` +
          "role with BYPASSRLS.",
      };
    default:
      return undefined;
  }
}
