/** The parameter of a fault as a number or word, read from what the scenario says; and what is wrong with it. */
import { forgeries } from '../access-layer/light-node.ts';
import { parseQuantity } from '../scenario/quantity.ts';
import type { FaultEvent } from '../scenario/schema.ts';
import { faultCatalogue } from './catalogue.ts';

export interface FaultParameter {
  /** In the catalogue's unit, durations in us; NaN where the fault takes a word or nothing. */
  readonly amount: number;
  /** `bias` in percent: the amount is relative to the reading. */
  readonly relative: boolean;
  readonly word: string;
}

const SWAPS = ['AB', 'BC', 'CA'];
const PERCENT = /^\s*([+-]?\d+(?:\.\d+)?)\s*%\s*$/;

/** The parameter that is in force for an event, or the sentence that says what is wrong with its `value`. */
export function faultParameter({ fault, value }: Pick<FaultEvent, 'fault' | 'value'>): FaultParameter | string {
  const entry = faultCatalogue[fault].value;
  if (entry === undefined) {
    return value === undefined ? { amount: Number.NaN, relative: false, word: '' } : `${fault} takes no value`;
  }
  const given = value ?? entry.default;
  const wrong = `"${given}" is no value for ${fault}: give ${entry.meaning} (${entry.unit}), for example "${entry.default}"`;
  if (fault === 'time-skew' || fault === 'delay' || fault === 'late-response') {
    const amount = parseQuantity('duration', given);
    // A clock may be behind; nothing comes before its time.
    return typeof amount === 'number' && (amount >= 0 || fault === 'time-skew') ? number(amount) : wrong;
  }
  if (fault === 'phase-swap') return SWAPS.includes(String(given)) ? word(given) : wrong;
  if (fault === 'forged-certificate') return forgeries.some((forgery) => forgery === given) ? word(given) : wrong;
  if (fault === 'wrong-schema') return word(given);
  if (fault === 'derating') {
    const share = parseQuantity('share', given);
    return typeof share === 'number' && share >= 0 && share <= 1 ? number(share) : wrong;
  }
  const percent = PERCENT.exec(String(given));
  if (percent !== null) return { amount: Number(percent[1]) / 100, relative: true, word: '' };
  const amount = typeof given === 'number' ? given : Number(given);
  const whole = fault !== 'stale' || (Number.isInteger(amount) && amount > 0);
  return Number.isFinite(amount) && given !== '' && whole ? number(amount) : wrong;
}

function number(amount: number): FaultParameter {
  return { amount, relative: false, word: '' };
}

function word(value: string | number): FaultParameter {
  return { amount: Number.NaN, relative: false, word: String(value) };
}
