import {
  createJsonLogger,
  LOG_LEVELS,
  type Logger,
  type LogLevel,
  REQUEST_LINE,
  type RequestLogger,
  StandardOutput,
} from "../app/log.ts";

interface OpenLogOptions {
  readonly level: LogLevel;
  /** Whether other processes write to standard output too. */
  readonly isShared?: boolean | undefined;
}

/** The log of a service on standard output: a readable line per request on a terminal, JSON elsewhere. */
export function openLog({ level, isShared = false }: OpenLogOptions): Logger {
  const { stdout } = process;
  if (stdout.isTTY) return terminalLogger(level, (line) => stdout.write(line), stdout.hasColors());
  return createJsonLogger(level, new StandardOutput(isShared));
}

const colors = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2 } as const;

type Color = keyof typeof colors;
type Level = keyof Logger;

/** Writes lines for a person who reads along: unlike a log that is kept, with paths as they were sent. */
export function terminalLogger(level: LogLevel, write: (line: string) => void, hasColors: boolean): RequestLogger {
  const paint = (color: Color, text: string) => (hasColors ? `\u001b[${colors[color]}m${text}\u001b[0m` : text);
  const isWritten = (one: Level) => LOG_LEVELS.indexOf(one) >= LOG_LEVELS.indexOf(level);
  const writeLine = (...parts: readonly (string | undefined)[]) => {
    const time = paint("dim", new Date().toTimeString().slice(0, 8));
    write(`${[time, ...parts.filter((part) => part !== undefined)].join(" ")}\n`);
  };
  const colorOf = (one: Level): Color => (one === "error" ? "red" : one === "warn" ? "yellow" : "dim");
  const log = (one: Level) => (fields: object, message: string) => {
    if (isWritten(one)) writeLine(paint(colorOf(one), one), message, printable(JSON.stringify(fields)));
  };
  return {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    [REQUEST_LINE](one, { method, status, ms, caller }, _, more, words) {
      if (!isWritten(one)) return;
      const { path, detail, err } = { ...words(), ...more };
      const color = status >= 500 ? "red" : status >= 400 ? "yellow" : "green";
      writeLine(
        method ?? "-",
        printable(path ?? "-"),
        paint(color, String(status)),
        paint("dim", `${ms.toFixed(1)} ms`),
        caller === null ? undefined : paint("cyan", printable(caller)),
        detail && paint(color, printable(detail)),
        err && `\n${paint("red", JSON.stringify(err, null, 2).replaceAll("\\n", "\n"))}`,
      );
    },
  };
}

/** Callers choose these words: none may move the cursor, or begin a line. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}
