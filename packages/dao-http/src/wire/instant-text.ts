const DAY = 86_400_000;

/** `2026-02-15T` by the day's number since 1970. The days of a service's rows are few. */
const days = new Map<number, string>();
const MAX_DAYS = 4_096;

const numbersTo = (count: number, digits: number): readonly string[] =>
  Array.from({ length: count }, (_, number) => String(number).padStart(digits, "0"));
const twoDigits = numbersTo(60, 2);
const threeDigits = numbersTo(1_000, 3);

/** What `toISOString` answers, in a fifth of its time: a page of a hundred tasks has three hundred instants. */
export function instantText(instant: Date): string {
  const time = instant.getTime();
  const day = Math.floor(time / DAY);
  const milliseconds = time - day * DAY;
  const seconds = Math.trunc(milliseconds / 1_000);
  const minutes = Math.trunc(seconds / 60);
  const hours = Math.trunc(minutes / 60);
  const clock = `${twoDigits[hours]}:${twoDigits[minutes - hours * 60]}:${twoDigits[seconds - minutes * 60]}`;
  return `${dayText(day)}${clock}.${threeDigits[milliseconds - seconds * 1_000]}Z`;
}

function dayText(day: number): string {
  let text = days.get(day);
  if (text === undefined) {
    if (days.size >= MAX_DAYS) days.clear();
    const whole = new Date(day * DAY).toISOString();
    text = whole.slice(0, whole.indexOf("T") + 1);
    days.set(day, text);
  }
  return text;
}
