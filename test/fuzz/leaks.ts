/** Marks text that is sent, so that it can be recognized in responses. */
export const MARK = "fuzzmark";

/** What no response to a failed request may contain: SQL, a stack trace, a name of the database, a key, sent text. */
const LEAKS: Readonly<Record<string, RegExp>> = {
  SQL: /\bselect\b.+\bfrom\b|\binsert into\b|\bupdate\b.+\bset\b.+=|\bdelete from\b|\$\d|"public"|\breturning\b/is,
  "a constraint or an index": /\b(users|goals|milestones|tasks|conversations|demo_flags)_\w*(key|check|idx)\b|\bidx_/,
  "a stack": /\n\s+at |\bat [\w.<>]+ \(|node_modules|\.[cm]?[jt]s:\d+|file:\/\//,
  "an error of the language": /\b(Type|Range|Reference|Syntax)Error\b|Cannot read|is not a function|\bundefined\b/,
  "an error of PostgreSQL": /\bSQLSTATE\b|\bpg_|\bviolates\b|\brelation "/,
  "a connection": /postgres(ql)?:\/\/|\bECONN|CONNECTION_/,
  "what was sent": new RegExp(MARK),
  "a TypeScript name": /\b(user|goal|task|milestone|calendarEvent)Ids?\b|\b(start|end)(Time|Date)\b|\bweekNumber\b/,
};

/** What `text`, which the service wrote about a failed request, reveals; `undefined` if nothing. */
export function leakIn(text: string, key: string): string | undefined {
  if (text.includes(key)) return "the service key";
  return Object.entries(LEAKS).find(([, pattern]) => pattern.test(text))?.[0];
}
