/** Whether something is valid; `unclear` if the standard permits either. */
export type Certainty = "valid" | "unclear" | "invalid";

/** Whether `text` has this format of JSON Schema 2020-12 (Validation, 7.3). */
export function formatCertainty(format: string, text: string): Certainty {
  switch (format) {
    case "uuid":
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? "valid" : "invalid";
    case "date-time":
      return dateTime(text);
    case "idn-email":
      return email(text);
    case "uri":
      return /^[a-z][a-z0-9+.-]*:/i.test(text) && URI_CHARACTERS.test(text) ? "valid" : "invalid";
    case "uri-reference":
      return URI_CHARACTERS.test(text) ? "valid" : "invalid";
    default:
      throw new Error(`There is no rule for the format ${format}.`);
  }
}

/** RFC 3986, 2. */
const URI_CHARACTERS = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9a-f]{2})*$/i;

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)([Tt ])(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))$/;

/** RFC 3339, 5.6. */
function dateTime(text: string): Certainty {
  const match = DATE_TIME.exec(text);
  if (match === null) return "invalid";
  const [year = 0, month = 0, day = 0] = match.slice(1, 4).map(Number);
  const [hour = 0, minute = 0, second = 0, offsetHour = 0, offsetMinute = 0] = match
    .slice(5)
    .map((part) => Number(part ?? 0));
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  if (day < 1 || day > days || hour > 23 || minute > 59 || second > 60) return "invalid";
  if (offsetHour > 23 || offsetMinute > 59) return "invalid";
  // A space instead of the T is up to the application; syntax cannot tell whether a leap second exists.
  return match[4] === " " || second === 60 ? "unclear" : "valid";
}

const ATOM = /^[a-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\ud7ff-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\ud7ff-]+)*$/iu;
const LABELS = /^[a-z0-9\u00a1-\ud7ff]([a-z0-9\u00a1-\ud7ff-]*[a-z0-9\u00a1-\ud7ff])?(\.[a-z0-9]+)*$/iu;

/** RFC 6531: certain only for what every implementation accepts, and for what has no form of an address. */
function email(text: string): Certainty {
  const parts = text.split("@");
  const [local = "", domain = ""] = parts;
  if (parts.length === 2 && ATOM.test(local) && LABELS.test(domain)) return "valid";
  return parts.length < 2 || local === "" || domain === "" ? "invalid" : "unclear";
}
