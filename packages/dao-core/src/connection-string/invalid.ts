import { ValidationError } from "../contract/errors.ts";

/** @param subject what to correct: {@link invalidUrl}'s, or the name of a variable */
export function invalid(subject: string, message: string): ValidationError {
  return new ValidationError([{ path: subject, message }]);
}

export function invalidUrl(message: string): ValidationError {
  return invalid("The database URL", message);
}
