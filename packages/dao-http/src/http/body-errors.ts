import { HttpError, InvalidRequestError } from "./http-error.ts";

/** The error for a body of more than `limit` bytes. */
export function bodyTooLarge(limit: number): HttpError {
  return new HttpError("payload_too_large", `The body has more than ${limit} bytes. Send less, in several requests.`);
}

/** The error for a body of which the host has read some already: waiting for what has been would be for ever. */
export function bodyReadAlready(): HttpError {
  return new HttpError(
    "internal_error",
    "The host of this service has read the body already. Mount the app before what parses bodies, such as express.json().",
  );
}

/** The error for a body whose sender stopped halfway. Mostly there is nobody left to read it. */
export function bodyBrokeOff(): InvalidRequestError {
  return new InvalidRequestError([{ path: "", message: "has a body that broke off; send it again, in full" }]);
}
