/** Instants: integer microseconds since the epoch inside, ISO 8601 with zone on the wire and in files. */

/** Parses an ISO 8601 instant with zone (`Z` or `+02:00`) and up to six decimals; NaN when it is none. */
export function parseInstant(text: string): number {
  // A hundred messages in a row name the same instant.
  if (text !== lastText) {
    lastUs = parse(text);
    lastText = text;
  }
  return lastUs;
}

let lastText = '';
let lastUs = Number.NaN;

function parse(text: string): number {
  const match = INSTANT.exec(text);
  if (match === null) return Number.NaN;
  const [, seconds = '', day = '', fraction = '', zone = ''] = match;
  if (Number(day) > 28 && !isDay(seconds.slice(0, 10), Number(day))) return Number.NaN;
  const milliseconds = Date.parse(`${seconds}${zone}`);
  return milliseconds * 1000 + (fraction === '' ? 0 : Number(fraction.padEnd(6, '0')));
}

/** `Date` takes 30 February for 2 March. */
function isDay(date: string, day: number): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === day;
}

/** `2021-04-01T10:00:00.250000Z`, the decimals left out where they are zero; UTC, or in the zone that is `offsetUs` ahead. */
export function formatInstant(timeUs: number, offsetUs = 0): string {
  const microseconds = ((timeUs % 1_000_000) + 1_000_000) % 1_000_000;
  const text = new Date((timeUs + offsetUs - microseconds) / 1000).toISOString().slice(0, 19);
  const zone = offsetUs === 0 ? 'Z' : formatOffset(offsetUs);
  return microseconds === 0 ? `${text}${zone}` : `${text}.${String(microseconds).padStart(6, '0')}${zone}`;
}

function formatOffset(offsetUs: number): string {
  const minutes = Math.round(Math.abs(offsetUs) / 60e6);
  const pad = (number: number) => String(number).padStart(2, '0');
  return `${offsetUs < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** How far the zone of an ISO 8601 text is ahead of UTC, us: two hours for `2021-04-01T00:00:00+02:00`. */
export function zoneOffsetUs(iso: string): number {
  const match = /([+-])(\d{2}):(\d{2})$/.exec(iso);
  if (match === null) return 0;
  const [, sign, hours, minutes] = match;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600e6 + Number(minutes) * 60e6);
}

const INSTANT = /^(\d{4}-\d{2}-(\d{2})T\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?(Z|[+-]\d{2}:\d{2})$/;
