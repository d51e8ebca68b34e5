import { ValidationError } from "../contract/errors.ts";

/** The largest time-out that PostgreSQL and Node take, in milliseconds: 24 days. */
export const LARGEST_VALUE = 2_147_483_647;

/**
 * The time-out `value` as PostgreSQL takes it.
 * @throws ValidationError, naming the option, for anything but a whole number of milliseconds from 0 (no limit) on
 */
export function milliseconds(option: string, value: number): number {
  if (isWholeNumber(value, 0)) return value;
  const message = `must be a whole number of milliseconds from 0 (no limit) to ${LARGEST_VALUE}`;
  throw new ValidationError([{ path: option, message }]);
}

export function isWholeNumber(value: unknown, smallest: number): boolean {
  return Number.isInteger(value) && Number(value) >= smallest && Number(value) <= LARGEST_VALUE;
}
