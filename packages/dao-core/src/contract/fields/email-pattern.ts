/**
 * The shape of an e-mail address, also as a database constraint: dot-separated atoms (RFC 5322, 3.2.3, with the
 * Unicode of RFC 6531), `@`, dot-separated labels. Whether mail arrives there is not for a data layer to know.
 * Written so that JavaScript and PostgreSQL read it alike; the semicolon is escaped because drizzle-kit cuts a
 * constraint at one.
 */
export const EMAIL_PATTERN = String.raw`^[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*@[^\s@"(),:\u003b<>[\]\\.]+(\.[^\s@"(),:\u003b<>[\]\\.]+)*$`;
