// Nearly no body has as many digits in a row. The look behind keeps shorter rows from being read again at each digit.
const manyDigits = /(?<!\d)\d{16}/;
const numbers = /-?\d[\d.eE+-]*/g;

/**
 * JSON text in which each whole number that JavaScript would change is out of range instead, so that what it is read as
 * says so: `JSON.parse` has no other way to tell on Node 20.
 * @param text valid JSON
 */
export function markLostIntegers(text: string): string {
  if (!manyDigits.test(text)) return text;
  let marked = "";
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    marked += text.slice(at, end).replace(numbers, (number) => (isLost(number) ? "1e999" : number));
    at = quote === -1 ? end : endOfString(text, quote);
    marked += text.slice(end, at);
  }
  return marked;
}

/** With a fraction or an exponent it is a float to every writer, and read as the nearest one. */
function isLost(number: string): boolean {
  return /^-?\d{16,}$/.test(number) && number.replace("-", "") !== "9007199254740992" && !Number.isSafeInteger(+number);
}

function endOfString(text: string, quote: number): number {
  for (let at = quote; ; ) {
    at = text.indexOf('"', at + 1);
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}
