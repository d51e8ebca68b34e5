/**
 * Converts the digits of an instant, three times as fast as `Date.parse`. The text must have digits where they belong; nothing
 * is checked here.
 *
 * @param text begins with `2026-02-15T10:00:00` (any character in place of the `T`), from the year 0100 on
 * @param end where the digits end: after the seconds, or after a fraction, of which three digits are read
 * @returns milliseconds since 1970; a date that does not exist, such as a 30th of February, rolls over
 */
export function timeOfDigits(text: string, end: number): number {
  const year = two(text, 0) * 100 + two(text, 2);
  let milliseconds = 0;
  if (end > 20) milliseconds += digit(text, 20) * 100;
  if (end > 21) milliseconds += digit(text, 21) * 10;
  if (end > 22) milliseconds += digit(text, 22);
  return Date.UTC(year, two(text, 5) - 1, two(text, 8), two(text, 11), two(text, 14), two(text, 17), milliseconds);
}

/** The value of the two digits at `at`. */
export function two(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  return text.charCodeAt(at) - 48;
}
