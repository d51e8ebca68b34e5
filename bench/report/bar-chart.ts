/** A bar in a group; `undefined` leaves a gap. */
interface Series {
  readonly title: string;
  /** One for each group. */
  readonly values: readonly (number | undefined)[];
}

export interface BarChart {
  readonly title: string;
  readonly groups: readonly string[];
  /** At most eight. */
  readonly series: readonly Series[];
  /** The end of the axis; a longer bar is cut off there, and its label shows the value. */
  readonly max: number;
  /** A line across all groups, such as the yardstick's 1. */
  readonly mark: number;
}

/** Distinguishable in light and dark mode, and by colour-blind readers (after Okabe and Ito). */
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c", "#b8a300"];

const BAR = 11;
const GAP = 12;
const LEFT = 210;
const PLOT = 560;
const WIDTH = LEFT + PLOT + 60;
const TOP = 74;

/** Horizontal bars in groups, as an SVG with a background that follows the reader's colour scheme. */
export function drawBarChart({ title, groups, series, max, mark }: BarChart): string {
  const groupHeight = series.length * BAR + GAP;
  const height = TOP + groups.length * groupHeight + 26;
  const x = (value: number) => LEFT + (Math.min(value, max) / max) * PLOT;
  const bottom = TOP + groups.length * groupHeight;
  const ticks = Array.from({ length: Math.round(max / 0.25) + 1 }, (_, index) => index * 0.25);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${toXml(title)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="16" y="26">${toXml(title)}</text>`,
    ...legend(series),
    ...ticks.map((tick) => `<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 6}" y2="${bottom}"/>`),
    ...ticks.map(
      (tick) => `<text class="small" x="${x(tick)}" y="${bottom + 16}" text-anchor="middle">${tick.toFixed(2)}</text>`,
    ),
    ...groups.flatMap((group, index) => {
      const top = TOP + index * groupHeight;
      const middle = top + (series.length * BAR) / 2 + 4;
      return [
        `<text x="${LEFT - 10}" y="${middle}" text-anchor="end">${toXml(group)}</text>`,
        ...series.flatMap(({ values }, place) => {
          const value = values[index];
          return value === undefined ? [] : bar(value, x(value), top + place * BAR, place);
        }),
      ];
    }),
    `<line class="mark" x1="${x(mark)}" x2="${x(mark)}" y1="${TOP - 6}" y2="${bottom}"/>`,
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

function bar(value: number, end: number, top: number, place: number): string[] {
  const width = Math.max(end - LEFT, 1).toFixed(1);
  return [
    `<rect x="${LEFT}" y="${top}" width="${width}" height="${BAR - 1.5}" fill="${COLOURS[place % COLOURS.length]}"/>`,
    `<text class="small" x="${(end + 4).toFixed(1)}" y="${top + BAR - 2.5}">${value.toFixed(2)}</text>`,
  ];
}

function legend(series: readonly Series[]): string[] {
  let left = 16;
  return series.flatMap(({ title }, place) => {
    const start = left;
    left += 24 + title.length * 6.4;
    return [
      `<rect x="${start}" y="40" width="11" height="11" fill="${COLOURS[place % COLOURS.length]}"/>`,
      `<text class="small" x="${start + 16}" y="49.5">${toXml(title)}</text>`,
    ];
  });
}

const STYLE = [
  "text{font:12px system-ui,sans-serif;fill:#1f2328}.small{font-size:10.5px}.title{font-size:15px;font-weight:600}",
  ".ground{fill:#fff;stroke:#d0d7de}.grid{stroke:#d0d7de;stroke-width:.7}",
  ".mark{stroke:#1f2328;stroke-width:1.4;stroke-dasharray:4 3}",
  "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117;stroke:#30363d}.grid{stroke:#30363d}",
  ".mark{stroke:#e6edf3}}",
].join("");

function toXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
