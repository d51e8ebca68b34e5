/** Days of the browser's time zone, as `2026-03-02` in URLs and date fields. */

export function dayName(date: Date): string {
  const part = (value: number, length = 2) => String(value).padStart(length, "0");
  return `${part(date.getFullYear(), 4)}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
}

/** The beginning of the day that is named, or of today. */
export function dayOf(name: string | null): Date {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(name ?? "") ?? [];
  if (year !== undefined) return new Date(Number(year), Number(month) - 1, Number(day));
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate());
}

/** Not every day has 24 hours. */
export function addDays(date: Date, days: number): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

/** The days from `first`, and the instants that a request for them includes. */
export function daysFrom(first: Date, count: number) {
  const days = Array.from({ length: count }, (_, index) => addDays(first, index));
  return { days, start: first, end: new Date(addDays(first, count).getTime() - 1) };
}
