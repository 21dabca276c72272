/** MQTT topic names and filters: validity and matching after MQTT 3.1.1, section 4.7. */

/** Mosquitto refuses deeper topics, so we do: what passes here passes the bridge of the field. */
const LEVEL_SEPARATORS_MAX = 200;

/** A topic that may be published to: not empty, no wildcard, no NUL, at most 65,535 bytes and 200 separators. */
export function isValidTopic(topic: string): boolean {
  return !/[+#]/.test(topic) && isValidText(topic);
}

/** A filter that may be subscribed to: `+` fills a whole level, `#` the last one. */
export function isValidFilter(filter: string): boolean {
  if (!isValidText(filter)) return false;
  const levels = filter.split('/');
  return levels.every((level, index) => {
    if (level === '#') return index === levels.length - 1;
    return level === '+' || !/[+#]/.test(level);
  });
}

function isValidText(text: string): boolean {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > 65_535) return false;
  return text.split('/').length - 1 <= LEVEL_SEPARATORS_MAX;
}

/**
 * True when `topic` matches `filter`. `sport/#` also matches `sport`; a wildcard at the first level does not match
 * topics that begin with `$`.
 */
export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && !filter.startsWith('$')) return false;
  const wanted = filter.split('/');
  const given = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}
