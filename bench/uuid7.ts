/** SQL that creates a function `uuid7(moment)`: ids for test data that are ordered by time, like the library's. */
export const UUID7_FUNCTION = `
  create function uuid7(moment timestamptz) returns uuid language sql volatile as $$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
      placing substring(int8send((extract(epoch from moment) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1),
      'hex')::uuid $$`;
