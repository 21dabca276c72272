/** What a client of a broker may do: topic filters that it may publish under and subscribe to. */
import { topicMatches } from './topic-filter.ts';

export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** A client's password and rights, by username. */
export type Users = Readonly<Record<string, { readonly password: string; readonly rights: Rights }>>;

/** True when one of the filters allows the topic. */
export function mayPublish(rights: Rights, topic: string): boolean {
  // Most clients may publish to topics that are listed by name.
  return rights.publish.includes(topic) || rights.publish.some((filter) => topicMatches(filter, topic));
}

/** True when everything that the filter can match lies inside one of the filters that are allowed. */
export function maySubscribe(rights: Rights, filter: string): boolean {
  return rights.subscribe.some((allowed) => filterCovers(allowed, filter));
}

/** True when every topic that matches `inner` matches `outer` too. Both are valid filters. */
export function filterCovers(outer: string, inner: string): boolean {
  if (inner.startsWith('$') && !outer.startsWith('$')) return false;
  const outerLevels = outer.split('/');
  const innerLevels = inner.split('/');
  for (const [index, level] of outerLevels.entries()) {
    if (level === '#') return true;
    const given = innerLevels[index];
    if (given === undefined || given === '#' || (level !== '+' && level !== given)) return false;
  }
  return innerLevels.length === outerLevels.length;
}

/** True when some topic matches both filters. */
export function filtersOverlap(a: string, b: string): boolean {
  const first = a.split('/');
  const second = b.split('/');
  // Wildcards at the first level do not reach topics that begin with `$`.
  const wild = (level: string | undefined) => level === '+' || level === '#';
  if ((a.startsWith('$') && wild(second[0])) || (b.startsWith('$') && wild(first[0]))) return false;
  for (let index = 0; ; index++) {
    const [left, right] = [first[index], second[index]];
    if (left === undefined || right === undefined) {
      // `a/#` matches its parent `a` too, but `/#` has the empty topic for a parent, which is none.
      const parentIsEmpty = index === 1 && (first[0] === '' || second[0] === '');
      return left === right || ((left ?? right) === '#' && !parentIsEmpty);
    }
    if (left === '#' || right === '#') return true;
    if (left !== '+' && right !== '+' && left !== right) return false;
  }
}
