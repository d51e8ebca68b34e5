import { isError } from "../contract/fields/realms.ts";

/** What a server's text about a refused login (28000) asks for: one SQLSTATE stands for all of these. English only. */
const REFUSALS: readonly (readonly [text: RegExp, advice: string])[] = [
  [
    /no encryption|SSL off|SSL connection is required|connection is insecure/i,
    "The server takes only encrypted connections from here. Set sslmode=require in DATABASE_URL, or better verify-full.",
  ],
  [
    /valid client certificate|certificate authentication failed/i,
    "The server demands a client certificate. Give sslcert and sslkey in DATABASE_URL: a certificate of an authority that the server " +
      "trusts, for this user.",
  ],
  [
    /no pg_hba\.conf entry|pg_hba\.conf rejects/i,
    "The server's pg_hba.conf does not let this user into this database from this machine, or not with this sslmode.",
  ],
];

/** What OpenSSL's alerts mean, by which a server ends the handshake, or with TLS 1.3 the login after it: by the end of the code. */
const ALERTS: readonly (readonly [code: RegExp, advice: string])[] = [
  [/_ALERT_CERTIFICATE_REQUIRED$/, "The server demands a client certificate. Give sslcert and sslkey in DATABASE_URL."],
  [
    /_ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_UNKNOWN)$/,
    "The server does not trust the client certificate of sslcert: it must be from an authority of the server's ssl_ca_file.",
  ],
  [
    /_ALERT_CERTIFICATE_(?:EXPIRED|REVOKED)$/,
    "The client certificate of sslcert has expired, or was revoked. Get another.",
  ],
];

/** The sentence for a login that the server refused, by the text of the error of this chain that has the code. */
export function loginRefusal(code: string, error: unknown): string {
  let cause = error;
  for (let depth = 0; depth < 8 && isError(cause) && Reflect.get(cause, "code") !== code; depth++) cause = cause.cause;
  const text = isError(cause) ? cause.message : "";
  const refusal = REFUSALS.find(([pattern]) => pattern.test(text))?.[1];
  return refusal ?? "The database refused the login. Check user and password in DATABASE_URL.";
}

/** The sentence for a TLS alert, by its code. */
export function alertSentence(code: string): string | undefined {
  return ALERTS.find(([pattern]) => pattern.test(code))?.[1];
}
