import { type Fields, isFields } from "../known-rows.ts";
import { differs, type Expectation, type Refusal, refused, returned } from "./expectation.ts";
import {
  at,
  type Broken,
  brokenAt,
  brokenId,
  brokenUpdate,
  endsBeforeItStarts,
  isBroken,
  joinBroken,
  updatedFields,
} from "./input.ts";
import { missingRows, refusedInput } from "./rows.ts";
import type { State } from "./state.ts";

/** A change of its own for each of 1 to 1000 tasks, all or none; tasks that do not exist are skipped. */
export function updateTasks(state: State, request: unknown): Expectation {
  if (!isFields(request)) return refused({ code: "validation_failed", broken: brokenAt("") });
  const { updates } = request;
  // A list that is too long is rejected before its members are validated.
  if (!Array.isArray(updates) || updates.length === 0 || updates.length > 1000) {
    return refused({ code: "validation_failed", broken: brokenAt("updates") });
  }
  const invalid = refusedInput(brokenChanges(updates));
  if (invalid !== undefined) return invalid;
  const changes = updates.map((change: Fields) => ({ id: String(change["id"]).toLowerCase(), change }));
  const rows = changes.flatMap(({ id, change }, index) => {
    const row = state.find("task", id);
    return row === undefined ? [] : [{ row, fields: updatedFields("task", row.fields, change), index }];
  });
  const refusals: Refusal[] = rows.flatMap(({ fields }) => missingRows(state, "task", fields));
  // Checked on the resulting row: the changes alone may be valid.
  for (const { fields, index } of rows) {
    const broken = brokenAt(`updates.${index}.endTime`);
    if (endsBeforeItStarts(fields)) refusals.push({ code: "validation_failed", broken });
  }
  if (refusals.length > 0) return refused(...refusals);
  return returned((answer) => {
    const after = new Map(rows.map(({ row, fields }) => [row.id, fields]));
    const results = changes.map(({ id }) => ({ id, task: after.get(id) ?? null }));
    const fault = differs(answer, { results });
    if (fault !== undefined) return fault;
    for (const { row, fields } of rows) state.replace(row, fields);
    return undefined;
  });
}

function brokenChanges(updates: readonly unknown[]): Broken {
  const members = joinBroken(
    ...updates.map((change, index) => {
      const id = isFields(change) ? brokenId(change["id"]).certain : [];
      return at(`updates.${index}`, brokenUpdate("task", change, id));
    }),
  );
  const ids = updates.map((change) => (isFields(change) ? String(change["id"]).toLowerCase() : undefined));
  const twice = ids.flatMap((id, index) =>
    id !== undefined && ids.indexOf(id) !== index ? [`updates.${index}.id`] : [],
  );
  // Duplicates need not be checked while a single change is invalid.
  return isBroken(members)
    ? { certain: members.certain, possible: [...members.possible, ...twice] }
    : { certain: twice, possible: [] };
}
