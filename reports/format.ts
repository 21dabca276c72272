/** Numbers, times and names as people read them: in the terminal, in Markdown and on the page. */

/** Smaller sums of everyday figures are what rounding left of nothing. */
const ROUNDING = 1e-12;

/** `digits` significant digits without exponent where that is readable, grouped thousands, a real minus sign. */
export function formatNumber(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return 'n/a';
  const size = Math.abs(value);
  if (size < ROUNDING) return '0';
  if (size < 1e-4) return value.toExponential(1).replace('e-', 'e−').replace(/^-/, '−');
  const decimals = Math.max(0, Math.min(4, digits - 1 - Math.floor(Math.log10(size))));
  const text = size >= 1000 ? group(Math.round(size)) : trimZeros(size.toFixed(decimals));
  return value < 0 ? `−${text}` : text;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Thin spaces between groups of three digits (ISO 80000-1), where no line breaks. */
function group(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, '\u202F');
}

/** With its unit; pure numbers without, durations in the unit that suits them. `−3.2 kWh`, `12 %`, `90 ms`. */
export function formatQuantity(value: number, unit: string, digits = 4): string {
  const microseconds = durationUnits[unit];
  if (microseconds !== undefined) return formatDuration(value * microseconds);
  const number = formatNumber(value, digits);
  return unit === '1' || unit === '' ? number : `${number}\u00A0${unit}`;
}

const durationUnits: Readonly<Record<string, number>> = { us: 1, s: 1e6, h: 3600e6 };

/** Microseconds in the unit that suits them, three digits: `840 µs`, `12.3 ms`, `67 s`, `15 min`, `24 h`. */
export function formatDuration(us: number): string {
  if (us === 0) return '0\u00A0s';
  const scales = [
    [0, 1, 'µs'],
    [1e3, 1e3, 'ms'],
    [1e6, 1e6, 's'],
    [120e6, 60e6, 'min'],
    [7200e6, 3600e6, 'h'],
  ] as const;
  const [, scale, unit] = scales.findLast(([least]) => Math.abs(us) >= least) ?? scales[0];
  return `${formatNumber(us / scale, 3)}\u00A0${unit}`;
}

/** Wall time at a zone's offset, `14:05`, or `14:05:10` where seconds matter. */
export function formatClock(timeUs: number, offsetUs: number): string {
  const text = new Date((timeUs + offsetUs) / 1000).toISOString();
  return text.slice(17, 19) === '00' ? text.slice(11, 16) : text.slice(11, 19);
}

/** `1 April 2021` at a zone's offset. */
export function formatDay(timeUs: number, offsetUs: number): string {
  const date = new Date((timeUs + offsetUs) / 1000);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
