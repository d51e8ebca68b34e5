/** Whether `printed` matches what a page shows, where `…` matches anything within a line, or any number of lines. */
export function isAsShown(printed: string, shown: string): boolean {
  const lines = shown
    .trim()
    .split("\n")
    .map((line) => line.trimEnd());
  const pattern = lines.map((line) => (line === "…" ? "[^]*" : line.split("…").map(escaped).join(".*")));
  return new RegExp(`^${pattern.join("\\n")}$`).test(printed.trim().replace(/ +$/gm, ""));
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
