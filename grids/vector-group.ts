/** IEC 60076 vector groups: which windings, and by how many hours each lags the first. */
import { threeWindingGroupPattern, vectorGroupPattern } from './schema.ts';

export type Winding = 'D' | 'Y' | 'YN' | 'Z' | 'ZN';

export interface VectorGroup {
  readonly high: Winding;
  readonly low: Winding;
  readonly clock: number;
}

/** Reads `Dyn5`. Throws on anything else: the schema has refused it before. */
export function parseVectorGroup(text: string): VectorGroup {
  const match = vectorGroupPattern.exec(text);
  if (match === null) throw new Error(`${text} is no vector group`);
  return { high: winding(match[1]!), low: winding(match[2]!), clock: Number(match[3]) };
}

/** A winding of three, and its hours behind the high-voltage one. */
export interface GroupMember {
  readonly winding: Winding;
  readonly clock: number;
}

/** Reads `YNyn0d11`: high, medium, low. Throws on anything else. */
export function parseThreeWindingGroup(text: string): readonly [GroupMember, GroupMember, GroupMember] {
  const match = threeWindingGroupPattern.exec(text);
  if (match === null) throw new Error(`${text} is no vector group of three windings`);
  return [
    { winding: winding(match[1]!), clock: 0 },
    { winding: winding(match[2]!), clock: Number(match[3]) },
    { winding: winding(match[4]!), clock: Number(match[5]) },
  ];
}

function winding(part: string): Winding {
  return part.toUpperCase() as Winding;
}

/**
 * Whether the clock number can be built from these windings: each delta or zigzag turns the phases by an odd multiple
 * of 30 degrees, each star by an even one.
 */
export function clockFits(group: VectorGroup): boolean {
  const odd = (kind: Winding): number => (kind.startsWith('Y') ? 0 : 1);
  return group.clock <= 11 && group.clock % 2 === (odd(group.high) + odd(group.low)) % 2;
}

/**
 * Sign of the zero sequence that a winding passes on. Terminals in another cyclic order turn by 4 hours and leave it,
 * a reversed winding turns by 6 hours and changes it; so two windings differ in sign when their hours differ by 2, 6, 10.
 */
export function zeroSequenceSign(clock: number): 1 | -1 {
  return clock % 4 >= 2 ? -1 : 1;
}
