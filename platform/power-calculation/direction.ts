/** The one place where a channel's declared direction is turned into the platform's. */
import type { Measurement } from '../contract/measurement.ts';

/**
 * Maps a current (or power) of a measuring channel to the direction that every power message uses: positive means
 * flowing from the named bus side into the branch or load, so at `branch:<id>:to` of a substation's transformer
 * (`to` = low voltage) an import reads negative, and at `:from` positive.
 *
 * `positiveDirection` +1 or absent: the channel counts that way already; -1: it is wired the other way round.
 */
export function intoBranch(value: number, positiveDirection: Measurement['positiveDirection']): number {
  return positiveDirection === -1 ? -value : value;
}
