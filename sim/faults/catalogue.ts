/** The faults that a scenario can inject: what each one does, its parameter, its default. README and validation read this table. */
import type { FaultName } from '../scenario/schema.ts';

export interface FaultEntry {
  readonly summary: string;
  /** What `value` means and its unit; undefined where the fault takes none. */
  readonly value: { readonly meaning: string; readonly unit: string; readonly default: number | string } | undefined;
  /** Chance of striking a message where the event names no `probability`. */
  readonly probability: number;
  /**
   * Who carries it out: this folder on the devices' messages, the light node on the certificate, the connection, or the
   * device itself (batteries).
   */
  readonly where: 'message' | 'certificate' | 'connection' | 'device';
}

export const faultCatalogue: Readonly<Record<FaultName, FaultEntry>> = {
  'gross-error': {
    summary: 'single readings are off by a factor',
    value: { meaning: 'relative error added to the reading', unit: '1', default: 0.2 },
    probability: 0.05,
    where: 'message',
  },
  bias: {
    summary: 'all readings are off by a constant',
    value: { meaning: 'offset', unit: 'of the measurand; a number with % is relative to the reading', default: '2 %' },
    probability: 1,
    where: 'message',
  },
  stuck: {
    summary: 'readings stay at their value at the onset; time stamps go on',
    value: undefined,
    probability: 1,
    where: 'message',
  },
  stale: {
    summary: 'messages repeat the readings of an earlier message under a new time stamp',
    value: { meaning: 'age of the readings', unit: 'messages', default: 1 },
    probability: 1,
    where: 'message',
  },
  'sign-flip': {
    summary: 'powers and currents come with the wrong sign: current transformer mounted the other way round',
    value: undefined,
    probability: 1,
    where: 'message',
  },
  'phase-swap': {
    summary: 'two phases are interchanged',
    value: { meaning: 'the phases', unit: 'AB, BC or CA', default: 'AB' },
    probability: 1,
    where: 'message',
  },
  'wrong-unit': {
    summary: 'readings come in another unit than the contract says, kilo for one by default',
    value: { meaning: 'factor on the reading', unit: '1', default: 0.001 },
    probability: 1,
    where: 'message',
  },
  'ct-ratio': {
    summary: 'the device is set to a wrong current transformer ratio: currents and powers scale',
    value: { meaning: 'set over true ratio', unit: '1', default: 2 },
    probability: 1,
    where: 'message',
  },
  'time-skew': {
    summary: 'the clock has stepped: tags are off, and a PMU turns its angles against the true time',
    value: { meaning: 'tag minus true time', unit: 'duration', default: '1ms' },
    probability: 1,
    where: 'message',
  },
  'drop-out': {
    summary: 'single readings are missing from their message',
    value: undefined,
    probability: 0.2,
    where: 'message',
  },
  'comm-outage': {
    summary: 'messages are lost on their way from the device: counted as injected loss',
    value: undefined,
    probability: 1,
    where: 'message',
  },
  delay: {
    summary: 'messages are sent later, on the virtual clock',
    value: { meaning: 'delay', unit: 'duration', default: '10s' },
    probability: 1,
    where: 'message',
  },
  duplicate: {
    summary: 'messages are sent twice',
    value: undefined,
    probability: 1,
    where: 'message',
  },
  'forged-certificate': {
    summary: 'the certificate does not stand for the message',
    value: { meaning: 'how it is forged', unit: 'hash, signature or chain', default: 'hash' },
    probability: 1,
    where: 'certificate',
  },
  'wrong-schema': {
    summary: 'the message does not keep to the contract: its schema version is unknown',
    value: { meaning: 'the version that it names', unit: 'text', default: 'platone.measurement/0' },
    probability: 1,
    where: 'message',
  },
  'not-a-number': {
    summary: 'readings carry NaN, which JSON writes as null',
    value: undefined,
    probability: 1,
    where: 'message',
  },
  'wrong-password': {
    summary: 'the device comes with a wrong password and is turned away by the access layer',
    value: undefined,
    probability: 1,
    where: 'connection',
  },
  'late-response': {
    summary: 'a battery begins to obey each setpoint later',
    value: { meaning: 'delay besides its command delay', unit: 'duration', default: '45s' },
    probability: 1,
    where: 'device',
  },
  derating: {
    summary: 'a battery gives and takes no more than a share of its rated power, and does not say so',
    value: { meaning: 'share of rated power', unit: '%', default: '40 %' },
    probability: 1,
    where: 'device',
  },
};
