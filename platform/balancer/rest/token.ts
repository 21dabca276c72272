/**
 * Who may call: the bearer token of RFC 6750, or a user name and password after RFC 7617, compared in a time that says
 * nothing about how much of them was right.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

/** A function that tells whether an `Authorization` header carries the token. Keeps a digest, not the token. */
export function createTokenCheck(token: string): (authorization: string | undefined) => boolean {
  const wanted = digest(token);
  return (authorization) => {
    const given = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
    // Digests are of one length, so lengths do not leak either; a missing token costs as much as a wrong one.
    return timingSafeEqual(digest(given ?? ''), wanted) && given !== undefined;
  };
}

/** The same for a user name and its password. */
export function createPasswordCheck(
  username: string,
  password: string,
): (authorization: string | undefined) => boolean {
  const wanted = digest(`${username}:${password}`);
  return (authorization) => {
    const given = /^Basic +([\w+/=-]+) *$/i.exec(authorization ?? '')?.[1];
    return timingSafeEqual(digest(Buffer.from(given ?? '', 'base64').toString()), wanted) && given !== undefined;
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
