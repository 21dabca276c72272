/** What a scenario file may say. Durations and quantities carry units; unknown keys are faults. */
import { z } from 'zod';
import { measurandSchema } from '../../platform/contract/measurement.ts';
import { isTimeZone } from '../../platform/forecasting/local-time.ts';
import { quantity } from './quantity.ts';

const id = z.string().min(1);
/** One level of a topic, and what a terminal shows as it stands. */
export const TOPIC_LEVEL = /^[^/+#\p{Cc}]+$/u;
const topicLevel = id.regex(TOPIC_LEVEL, { error: 'is no level of a topic: leave out / + # and control characters' });
const duration = quantity('duration');
const power = quantity('power');
const energy = quantity('energy');
const share = quantity('share');

/** Where a device measures: `bus:<id>`, `branch:<id>:from|to`; `*` matches within an id. */
const place = z.string().regex(/^(bus:[^:]+|branch:[^:]+:(from|to)|battery:[^:]+|load:[^:]+)$/, {
  error: 'is no place: write bus:<id>, branch:<id>:from, branch:<id>:to, load:<id> or battery:<id>',
});

const deviceBase = {
  id: topicLevel.optional(),
  /** How many of them; with `at: "bus:house-*"` one at each matching place. */
  count: z.int().positive().optional(),
  every: duration.optional(),
  route: z.enum(['bal', 'direct']).default('bal'),
  /** `ideal`: no error, no delay, no quantisation, instantaneous. `field`: the error model of its class. */
  preset: z.enum(['ideal', 'field']).default('field'),
};

const pmuSchema = z.strictObject({
  kind: z.literal('pmu'),
  ...deviceBase,
  at: place,
  performanceClass: z.enum(['P', 'M']).default('P'),
  /** Instrument transformers: accuracy classes after IEC 61869, e.g. 0.5; 0 = none. */
  voltageTransformerClass: z.number().nonnegative().default(0.5),
  currentTransformerClass: z.number().nonnegative().default(0.5),
  /** Rated primary current, A; the rated current of the branch when absent. */
  currentTransformerRatingA: z.number().positive().optional(),
  /** Standard deviation of the clock error. */
  clockJitter: duration.optional(),
  reportingLatency: duration.optional(),
});

const smartMeterSchema = z.strictObject({
  kind: z.literal('smart-meter'),
  ...deviceBase,
  at: place,
  accuracyClass: z.enum(['A', 'B', 'C']).default('B'),
  /** Resolution of the energy registers. */
  registerResolution: energy.optional(),
});

const bessSchema = z.strictObject({
  kind: z.literal('bess'),
  ...deviceBase,
  at: place,
  power,
  energy,
  soc: share,
  socMin: share.optional(),
  socMax: share.optional(),
  chargeEfficiency: share.optional(),
  dischargeEfficiency: share.optional(),
  /** Time from zero to rated power. */
  rampTime: duration.optional(),
  commandDelay: duration.optional(),
  /** Age of the values when they are sent. */
  telemetryDelay: duration.optional(),
  standbyLoss: power.optional(),
  /** `false`: the platform may only let it charge; it discharges into its own house. */
  mayDischarge: z.boolean().optional(),
  /** Issuers whose setpoints its backend obeys; the balancer alone when absent. */
  commandedBy: z.array(z.string().min(1)).optional(),
});

const temperatureDifference = quantity('temperature difference');

/** Measures the air, and passes on what a weather service expects. */
const weatherStationSchema = z.strictObject({
  kind: z.literal('weather-station'),
  ...deviceBase,
  route: z.literal('bal').default('bal'),
  at: z
    .string()
    .regex(/^site$/, { error: 'is no place for a weather station: write site, or leave it out' })
    .default('site'),
  every: duration.prefault('15min'),
  /** Standard uncertainty of its thermometer. */
  uncertainty: temperatureDifference.prefault('0.2 K'),
  /** How far ahead the weather service's temperature forecast reaches, in hours that begin on the hour; 0 = none. */
  horizon: duration.prefault('36h'),
  /** Standard deviation of that forecast a day ahead; with the square root of the lead time before and after. */
  forecastError: temperatureDifference.prefault('1.2 K'),
});

export const deviceSchema = z.discriminatedUnion('kind', [
  pmuSchema,
  smartMeterSchema,
  bessSchema,
  weatherStationSchema,
]);

/** What every time series file of the user's own is read by. */
const seriesFile = {
  file: z.string().min(1),
  /** Column of the time stamps: ISO 8601, with their zone or local in `zone`. */
  time: z.string().default('timestamp'),
  /** IANA zone for times without one. */
  zone: z
    .string()
    .refine(isTimeZone, {
      error: ({ input }) => `${JSON.stringify(input)} is no time zone: write an IANA name such as Europe/Berlin`,
    })
    .optional(),
  /** What a time stamp marks. */
  stamp: z.enum(['interval-start', 'interval-end']).default('interval-start'),
  gaps: z.enum(['error', 'hold', 'interpolate']).default('error'),
};

/** Powers of the site. */
export const csvSchema = z.strictObject({
  ...seriesFile,
  /** Column names. */
  load: z.string().optional(),
  pv: z.string().optional(),
  unit: z.enum(['W', 'kW', 'MW']).default('kW'),
});

const temperatureCsvSchema = z.strictObject({
  ...seriesFile,
  /** Column name. */
  temperature: z.string().default('temperature_c'),
  unit: z.enum(['C', 'K', 'F']).default('C'),
});

const profilesSchema = z.strictObject({
  /**
   * One file for load and PV alike, in short the file's name alone. Columns that it does not name are `load_kw` and
   * `pv_kw`; one that it does not have is named in `load` or `pv` only.
   */
  csv: csvSchema
    .or(
      z
        .string()
        .min(1)
        .transform((file) => csvSchema.parse({ file })),
    )
    .optional(),
  load: z
    .strictObject({
      households: z.int().positive().optional(),
      annualEnergy: energy.optional(),
      /** `h0`: BDEW H0 with dynamic factor and household variation; `csv`; `grid`: the document's powers, constant. */
      kind: z.enum(['h0', 'csv', 'grid']).default('h0'),
      /** Spread of the households' 10 s variation about the profile, 0 = exactly the profile. */
      variation: z.number().nonnegative().default(1),
      powerFactor: z.number().min(0.1).max(1).default(0.95),
      csv: csvSchema.optional(),
    })
    .optional(),
  pv: z
    .strictObject({
      capacity: power.optional(),
      kind: z.enum(['sun', 'csv', 'grid', 'none']).default('sun'),
      /** A sky that stays, or `changing`: fronts pass every 18 h on average, and bring one of the others. */
      clouds: z.enum(['clear', 'fair', 'broken', 'overcast', 'changing']).default('fair'),
      csv: csvSchema.optional(),
    })
    .optional(),
  /** Air temperature with weather in it; without this it is the climate's mean. PV follows it, loads as told here. */
  temperature: z
    .strictObject({
      /** `weather`: usual for season and time of day, and a deviation that drifts over days; `csv`. */
      kind: z.enum(['weather', 'csv']).default('weather'),
      /** Standard deviation of the drift. */
      sigma: temperatureDifference.prefault('3.5 K'),
      /** Added throughout: -8 K is a cold spell. */
      anomaly: quantity('temperature difference', { signed: true }).prefault('0 K'),
      csv: temperatureCsvSchema.optional(),
      /**
       * Change of all H0 loads per K by which a quarter hour below the heating limit is colder than usual: storage heaters
       * and heat pumps in the village.
       */
      loadPerKelvin: share.default(0),
      heatingLimit: quantity('temperature').prefault('15 C'),
    })
    .optional(),
  /** Sigma of the frequency about 50 Hz; 0 = exactly 50 Hz. */
  frequency: z.strictObject({ sigma: quantity('frequency').default(0.02) }).optional(),
});

/** Faults of measurements, devices and messages; parameters by fault in `sim/faults/catalogue.ts`. */
export const faultNames = [
  'gross-error',
  'bias',
  'stuck',
  'stale',
  'sign-flip',
  'phase-swap',
  'wrong-unit',
  'ct-ratio',
  'time-skew',
  'drop-out',
  'comm-outage',
  'delay',
  'duplicate',
  'forged-certificate',
  'wrong-schema',
  'not-a-number',
  'wrong-password',
  'late-response',
  'derating',
] as const;

/** Offset from the start (`12h`), clock time of the first day (`"12:00"`), or ISO 8601. */
const eventTime = z.string();

const faultEventSchema = z.strictObject({
  at: eventTime,
  for: duration.optional(),
  fault: z.enum(faultNames),
  /** Device ids; `*` matches within an id; `kind/id` narrows to a kind. */
  target: z.string().min(1),
  /** Share of messages concerned, for faults that strike at random. */
  probability: share.optional(),
  /** Size of the fault in its own unit, see the catalogue. */
  value: z.union([z.number(), z.string()]).optional(),
  measurand: measurandSchema.optional(),
  phase: z.enum(['A', 'B', 'C']).optional(),
});

/** May have either sign. */
const signedPower = quantity('power', { signed: true });

/**
 * Parameters of a use case: 0 stops, 1 is the virtual island, 2 holds `exchange` `for` a time, 3 buys and 4 sells energy
 * in packages.
 */
const useCaseKeys = {
  useCase: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
  /** UC-DE-2: exchange with the grid to hold, import positive. */
  exchange: signedPower.optional(),
  /** UC-DE-2: for how long. */
  for: duration.optional(),
  /** UC-DE-3 and 4: earliest start, longest duration, and power through the grid connection. */
  packages: z
    .array(z.strictObject({ at: eventTime, for: duration, power }))
    .min(1)
    .optional(),
};

/** What a scenario may say of the balancer's use case besides the balancer's own options. */
export const useCaseSchema = z.strictObject(useCaseKeys);

/** Somebody asks for another use case in mid-run. */
const useCaseEventSchema = z.strictObject({ at: eventTime, ...useCaseKeys, issuer: z.string().min(1).optional() });

export const eventSchema = z.union([faultEventSchema, useCaseEventSchema]);

/** Changes to the platform's own copy of the grid, e.g. `"lines.feeder-1-3.lengthM": 250`. */
const gridChangesSchema = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));

const off = z.literal(false);
/** Each service's own options are checked by the service's configuration schema. */
const serviceOptions = z.union([off, z.record(z.string(), z.unknown())]).optional();

const inputKinds = ['pmu', 'smart-meter', 'bess', 'weather-station', 'power', 'estimate', 'forecast'] as const;
const outputKinds = ['power', 'estimate', 'forecast', 'setpoint', 'plan', 'use-case'] as const;

/**
 * For an attached service of somebody else's that knows nothing of ticks: it answers every message of one kind with so
 * many of which kinds, each of which names the instant of the message that it answers. Messages of devices are given to
 * it one by one, those of other services as these send them.
 */
const ticklessSchema = z.strictObject({
  input: z.enum(inputKinds),
  outputs: z.partialRecord(z.enum(outputKinds), z.int().positive()),
});

const NO_PACE = 'is no pace: write lockstep, realtime, quiet or a factor such as 60x';
/** At least 0.01: no timer waits as long as a slower pace asks for. */
const PACE_FACTOR = /^(?:0*[1-9]\d*(?:\.\d+)?|0+\.(?:[1-9]\d*|0[1-9]\d*))x$/;

export const scenarioSchema = z.strictObject({
  $schema: z.string().optional(),
  extends: z.string().optional(),
  schema: z.literal(1),
  name: z.string().min(1),
  description: z.string().optional(),
  site: topicLevel,
  useCase: z.string().optional(),
  seed: z.union([z.string(), z.int()]).transform(String),
  pace: z
    .union([z.enum(['lockstep', 'realtime', 'quiet']), z.string().regex(PACE_FACTOR, NO_PACE)], { error: NO_PACE })
    .default('lockstep'),
  clock: z.strictObject({
    /** ISO 8601 with its zone, or `csv`: where the file of `profiles.csv` begins. */
    start: z.iso.datetime({ offset: true }).or(z.literal('csv')),
    duration,
    step: duration,
  }),
  grid: id,
  profiles: profilesSchema.default({}),
  devices: z.array(deviceSchema).min(1),
  platform: z.strictObject({
    /** Faults in the platform's knowledge of the grid. */
    gridChanges: gridChangesSchema.optional(),
    bridge: serviceOptions,
    certificateCheck: serviceOptions,
    powerCalculation: serviceOptions,
    forecasting: serviceOptions,
    stateEstimation: serviceOptions,
    balancer: serviceOptions,
    historian: serviceOptions,
  }),
  /** Services without ticks, by name (`power-calculation`), for `--service NAME=attach`. */
  tickless: z.record(id, ticklessSchema).default({}),
  events: z.array(eventSchema).default([]),
  expect: z.array(z.string()).default([]),
});

export type ScenarioInput = z.input<typeof scenarioSchema>;
/** A scenario in SI units with every default filled in. */
export type Scenario = z.output<typeof scenarioSchema>;
export type ScenarioDevice = z.output<typeof deviceSchema>;
export type ScenarioEvent = z.output<typeof eventSchema>;
export type FaultEvent = z.output<typeof faultEventSchema>;
export type TicklessService = z.output<typeof ticklessSchema>;
export type ScenarioUseCase = z.output<typeof useCaseSchema>;
export type ScenarioCsv = z.output<typeof csvSchema>;
export type TemperatureCsv = z.output<typeof temperatureCsvSchema>;
export type FaultName = (typeof faultNames)[number];
