/**
 * The form of an e-mail address, also used in a database constraint: dot-separated atoms (RFC 5322, 3.2.3, with the
 * Unicode of RFC 6531), `@`, dot-separated labels. Whether mail arrives there is not checked. JavaScript and PostgreSQL
 * read the pattern alike; the semicolon is escaped because drizzle-kit cuts a constraint at one.
 */
export const EMAIL_PATTERN = String.raw`^[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*@[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*$`;
