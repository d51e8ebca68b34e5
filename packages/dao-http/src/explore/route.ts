import { useEffect, useState } from "preact/hooks";

/** What the page shows, from the URL's fragment: `#/users/{id}/week?date=2026-03-02`. */
export interface Route {
  readonly path: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

function currentRoute(): Route {
  const [path = "", query] = location.hash.slice(1).split("?");
  return { path, segments: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

export function useRoute(): Route {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const onChange = () => setRoute(currentRoute());
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return route;
}

/** A link to `segments`; empty values of the query are left out. */
export function linkTo(segments: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value ? [[name, value]] : []));
  const text = new URLSearchParams(given).toString();
  return `#/${segments.map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

/** The number of the page, from 1. */
export function pageOf({ query }: Route): number {
  return Math.max(1, Math.floor(Number(query.get("page"))) || 1);
}

/** What was entered in a field of the form that was submitted. */
export function enteredIn(event: SubmitEvent, name: string): string {
  event.preventDefault();
  const form = event.currentTarget;
  return form instanceof HTMLFormElement ? String(new FormData(form).get(name) ?? "").trim() : "";
}

/** A day of the browser's time zone, as `2026-03-02` in URLs and date fields. */
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
