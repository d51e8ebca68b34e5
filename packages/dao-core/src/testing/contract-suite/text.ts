import assert from "node:assert/strict";
import type { DaoServices } from "../../contract/services.ts";
import { assertInvalid } from "./assert-refused.ts";
import type { ContractCase } from "./contract-case.ts";
import { createOwner, type Owner } from "./sample-rows.ts";
import { type TextField, textFields } from "./text-fields.ts";

/** Text that a careless implementation would change, truncate or execute. */
const stubbornTexts: readonly string[] = [
  "  leading, trailing and\tinner  white space \n",
  "'; DROP TABLE users; --",
  '" OR 1=1; /* */ $1 $$ :name ? %s {0} #{x}',
  "back\\slash \\u0000 \\x00 \\n, 100% & <b>\"quoted\"</b> 'twice''",
  "null",
  "2026-02-15T10:00:00.000Z",
  "{a,b}",
  "日本語 עברית العربية ÅÅ é e\u0301 \u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u{10ffff}",
  String.fromCharCode(...Array.from({ length: 31 }, (_, index) => index + 1)),
  '\\\\n \\" \\\\" \\t,"",NULL',
  "\u0001 control \u001f\u007f\u0085 \ufeff\ufffe\u2028\u2029",
];

const unstorable: Readonly<Record<string, string>> = {
  NUL: "a\u0000b",
  "a lone high surrogate": "a\ud83dz",
  "a lone low surrogate": "\ude00",
  "surrogates in the wrong order": "\ude00\ud83d",
};

type Write = (text: string) => Promise<string | null | undefined>;

/** Every way to write the field, with its path in the input. */
function writes(field: TextField, services: DaoServices, owner: Owner): readonly (readonly [string, Write])[] {
  const { update } = field;
  const create: Write = (text) => field.create(services, owner, text);
  if (update === undefined) return [[field.path, create]];
  return [
    [field.path, create],
    [field.field, (text) => update(services, owner, text)],
  ];
}

function storesVerbatim(field: TextField): ContractCase {
  return {
    name: `contract, Data: ${field.entity} ${field.path} is stored as it is, not trimmed, not interpreted`,
    async run(services) {
      const owner = await createOwner(services);
      for (const [, write] of writes(field, services, owner)) {
        for (const text of stubbornTexts) assert.equal(await write(text), text);
      }
    },
  };
}

function refusesUnstorable(field: TextField): ContractCase {
  return {
    name: `contract, Data: ${field.entity} ${field.path} refuses NUL and unpaired surrogates`,
    async run(services) {
      const owner = await createOwner(services);
      for (const [path, write] of writes(field, services, owner)) {
        for (const text of Object.values(unstorable)) await assertInvalid(write(text), path);
      }
    },
  };
}

function isBounded(field: TextField, max: number): ContractCase {
  return {
    name: `contract, Data: ${field.entity} ${field.path} has 1 to ${max} characters, counted in code points`,
    async run(services) {
      const owner = await createOwner(services);
      for (const [path, write] of writes(field, services, owner)) {
        for (const text of ["x", " ", "🙂".repeat(max), `${"🙂".repeat(max - 1)}x`])
          assert.equal(await write(text), text);
        for (const text of ["", "🙂".repeat(max + 1), "x".repeat(max + 1)]) await assertInvalid(write(text), path);
      }
    },
  };
}

function isUnbounded(field: TextField): ContractCase {
  return {
    name: `contract, Data: ${field.entity} ${field.path} is text of any length, also empty`,
    async run(services) {
      const owner = await createOwner(services);
      for (const [, write] of writes(field, services, owner)) {
        for (const text of ["", "🙂".repeat(5_000)]) assert.equal(await write(text), text);
      }
    },
  };
}

/** What such an operation returns may be what was sent, so it is read again. */
const storesManyVerbatim: ContractCase = {
  name: "contract, Data: text of many rows at once is stored as it is, not trimmed, not interpreted",
  async run(services) {
    const { goals, tasks } = services;
    const { user, goal } = await createOwner(services);
    const titles = [...stubbornTexts].sort();
    const titlesOf = (rows: readonly { title: string }[]) => rows.map(({ title }) => title).sort();
    const newTasks = titles.map((title) => ({ title, calendarEventId: title }));
    const milestones = titles.map((title, index) => ({ title, status: title, weekNumber: index + 1, tasks: newTasks }));
    const { id } = await goals.createGoalWithStructure({ goal: { userId: user.id, title: "Texts" }, milestones });
    const stored = await goals.getGoalFull(id);
    assert.deepEqual(titlesOf(stored.milestones), titles);
    assert.deepEqual(stored.milestones.map(({ status }) => status).sort(), titles);
    assert.deepEqual(
      titlesOf(stored.tasks),
      titles.flatMap((title) => titles.map(() => title)),
    );
    for (const { title, calendarEventId } of stored.tasks) assert.equal(calendarEventId, title);

    await tasks.createTasks(newTasks.map((task) => ({ ...task, userId: user.id, goalId: goal.id })));
    const { items } = await tasks.listTasks({ goalId: goal.id });
    assert.deepEqual(titlesOf(items), titles);
    const reversed = items.map(({ id }, index) => ({ id, title: items.at(-1 - index)?.title, calendarEventId: null }));
    await tasks.updateTasks({ updates: reversed });
    for (const { id, title } of reversed) {
      assert.deepEqual((({ title, calendarEventId }) => ({ title, calendarEventId }))(await tasks.getTask(id)), {
        title,
        calendarEventId: null,
      });
    }
  },
};

/** Free text, in every field that has it and by every operation that writes it. */
export const textCases: readonly ContractCase[] = [
  ...textFields.flatMap((field) => [
    storesVerbatim(field),
    refusesUnstorable(field),
    field.max === undefined ? isUnbounded(field) : isBounded(field, field.max),
  ]),
  storesManyVerbatim,
];
