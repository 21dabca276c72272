/** Quantities with units as people write them in scenarios (`10s`, `300 kW`, `20 %`), turned into SI numbers. */
import { z } from 'zod';

type Scale = Readonly<Record<string, number>>;

const scales = {
  duration: { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6, d: 86_400e6 },
  power: { W: 1, kW: 1e3, MW: 1e6, Wp: 1, kWp: 1e3, MWp: 1e6 },
  energy: { Wh: 1, kWh: 1e3, MWh: 1e6 },
  share: { '%': 0.01, '': 1 },
  angle: { rad: 1, mrad: 1e-3, deg: Math.PI / 180 },
  frequency: { Hz: 1, mHz: 1e-3 },
  length: { m: 1, km: 1e3 },
  temperature: { C: 1 },
  'temperature difference': { K: 1 },
} as const satisfies Record<string, Scale>;

export type QuantityKind = keyof typeof scales;

const NUMBER_WITH_UNIT = /^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%]*)\s*$/;

/** SI value of `text`, or the sentence that says what is wrong with it. */
export function parseQuantity(kind: QuantityKind, text: string | number): number | string {
  const scale: Scale = scales[kind];
  const match = NUMBER_WITH_UNIT.exec(String(text));
  const factor = match === null ? undefined : scale[match[2] ?? ''];
  if (match === null || factor === undefined) {
    const units = Object.keys(scale).filter((unit) => unit !== '');
    return `"${text}" is no ${kind}: write a number with ${units.join(', ')}, for example "${EXAMPLES[kind]}"`;
  }
  const value = Number(match[1]) * factor;
  return kind === 'duration' ? Math.round(value) : value;
}

const EXAMPLES: Record<QuantityKind, string> = {
  duration: '15min',
  power: '300 kW',
  energy: '800 kWh',
  share: '20 %',
  angle: '5 mrad',
  frequency: '10 mHz',
  length: '120 m',
  temperature: '15 C',
  'temperature difference': '8 K',
};

/**
 * A zod schema that reads a quantity and yields SI: us for durations, W, Wh, rad, Hz, m, C, K, and 0..1 for
 * shares.
 * Negative values are refused unless the quantity is `signed`, and shares above 1 (`20` for `20 %`).
 */
export function quantity(kind: QuantityKind, { signed = false }: { readonly signed?: boolean } = {}) {
  const written = z.union([z.string(), z.number()], { error: `is no ${kind}: write for example "${EXAMPLES[kind]}"` });
  return written.transform((text, context) => {
    const value = parseQuantity(kind, text);
    const fault = typeof value === 'string' ? value : outsideRange(kind, signed ? Math.abs(value) : value, text);
    if (typeof value === 'number' && fault === undefined) return value;
    context.addIssue({ code: 'custom', message: fault ?? '' });
    return z.NEVER;
  });
}

function outsideRange(kind: QuantityKind, value: number, text: string | number): string | undefined {
  if (kind === 'share' && (value < 0 || value > 1)) return `"${text}" is outside 0 % to 100 %`;
  return value < 0 && kind !== 'angle' ? `"${text}" is negative` : undefined;
}
