/** A whole number of so many digits that it may be lost; with a fraction or an exponent it is a float to every writer. */
const longInteger = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/**
 * JSON text in which each whole number that JavaScript would change is out of range instead, so that what it is read as
 * says so: `JSON.parse` has no other way to tell on Node 20.
 * @param text valid JSON
 */
export function markLostIntegers(text: string): string {
  const isInString = stringFinder(text);
  return text.replace(longInteger, (number, at: number) => (isLost(number) && !isInString(at) ? "1e999" : number));
}

function isLost(number: string): boolean {
  return number.replace("-", "") !== "9007199254740992" && !Number.isSafeInteger(+number);
}

/** Tells of places, asked for from left to right, whether they are within a string. Where none is asked for, nothing is read. */
function stringFinder(text: string): (at: number) => boolean {
  let start = text.indexOf('"');
  let end = endOfString(text, start);
  return (at) => {
    while (start !== -1 && end <= at) {
      start = text.indexOf('"', end);
      end = endOfString(text, start);
    }
    return start !== -1 && start < at;
  };
}

/** @param start of the string; -1 for none */
function endOfString(text: string, start: number): number {
  if (start === -1) return -1;
  for (let at = start; ; ) {
    at = text.indexOf('"', at + 1);
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}
