/** Who may call: the bearer token of RFC 6750, compared in a time that says nothing about how much of it was right. */
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

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
