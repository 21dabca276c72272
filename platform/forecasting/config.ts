/** Configuration of the forecasting service: the site's facts, or a series that somebody else has forecast. SI units. */
import { z } from 'zod';
import { instantSchema } from '../contract/instant-schema.ts';
import { createLocalTime } from './local-time.ts';

const MINUTE_US = 60e6;
const DAY_US = 1440 * MINUTE_US;

const customerSchema = z.strictObject({
  id: z.string().min(1),
  annualEnergyWh: z.number().positive(),
  /** Inductive. */
  powerFactor: z.number().positive().max(1).default(0.95),
});

const pvSystemSchema = z.strictObject({
  id: z.string().min(1),
  peakPowerW: z.number().positive(),
  tiltDeg: z.number().min(0).max(90).default(30),
  /** Clockwise from north. */
  azimuthDeg: z.number().min(0).max(360).default(180),
});

const meterSchema = z.strictObject({
  device: z.string().min(1),
  /** Ids of all that is behind it: it measures their consumption less their production. */
  customers: z.array(z.string()),
  pvSystems: z.array(z.string()),
});

const share = z.number().min(-1);

const common = {
  site: z.string().min(1),
  streams: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  /** A forecast at the first instant, and then whenever a multiple of this since the epoch is passed. */
  everyUs: z.int().positive().default(900e6),
  stepUs: z.int().positive().default(900e6),
  /** Site sums reach this far ahead ... */
  horizonUs: z.int().positive().default(86_400e6),
  /** ... single customers and systems so many steps, which keeps the message at some 20 kB for 90 houses. */
  detailSteps: z.int().nonnegative().default(2),
  /** Steps before the instant of issue, for readers that estimate the interval which has just ended. */
  pastSteps: z.int().nonnegative().default(1),
  customers: z.array(customerSchema).default([]),
  pvSystems: z.array(pvSystemSchema).default([]),
  /** Meters to learn from; those whose customers and systems are not among the above are left alone. */
  meters: z.array(meterSchema).default([]),
  /** Probabilities of the quantiles of the site's sums. */
  quantiles: z.array(z.number().gt(0).lt(1)).default([0.1, 0.25, 0.5, 0.75, 0.9]),
  /** For scenarios with a forecast that is wrong on purpose: 0.3 is 30 % too high, `lateUs` shifts it in time. */
  loadErrorShare: share.default(0),
  generationErrorShare: share.default(0),
  lateUs: z.int().default(0),
};

const zone = z.string().refine(isZone, { error: 'is no IANA time zone, for example Europe/Berlin' });

const temperatures = z.array(z.number().min(-60).max(60));

const temperatureSchema = z.strictObject({
  /** Weather station to listen to: what it measures and passes on goes before everything here. */
  station: z.string().min(1).optional(),
  /** Mean of each month, C, January first; a smooth climatic mean for central Europe where absent. */
  monthlyMeanC: temperatures.length(12).optional(),
  /** What a weather service says: means of steps from `start` on, C. Outside it the climate. */
  forecast: z
    .strictObject({ start: instantSchema, stepUs: z.int().positive().default(3600e6), airC: temperatures.min(1) })
    .optional(),
  /** Relative change of the load per K below the heating limit, against the climate: storage heaters, heat pumps. */
  loadPerKelvin: z.number().min(0).max(0.2).default(0),
  heatingLimitC: z.number().default(15),
});

const modelSchema = z.strictObject({
  source: z.literal('model'),
  ...common,
  zone: zone.default('Europe/Berlin'),
  location: z.strictObject({
    latitudeDeg: z.number().min(-90).max(90),
    longitudeDeg: z.number().min(-180).max(180),
  }),
  /**
   * Spread of a step's mean about the profile, for customers of M W in all: sigma^2 = (relative M)^2 + appliance M. The
   * first part is common to all customers (weather, habits of the day), the second is chance: appliances of so many W.
   */
  loadSigma: z
    .strictObject({ relative: z.number().nonnegative(), applianceW: z.number().nonnegative() })
    .default({ relative: 0.1, applianceW: 500 }),
  /**
   * Share of the clear-sky irradiance that gets through the clouds, and its standard deviation, common to the site. Daily
   * clearness indices of 0.35 to 0.45, as in north Germany, are 0.5 to 0.65 of a clear sky's.
   * `cloudShare` of its variance are clouds that pass, the rest is the weather of the hour.
   */
  clearness: z
    .strictObject({
      mean: z.number().min(0).max(1).default(0.6),
      sigma: z.number().nonnegative().default(0.3),
      cloudShare: z.number().min(0).max(1).default(0.25),
    })
    .prefault({}),
  temperature: temperatureSchema.prefault({}),
  /** How long what the meters show goes on: time constants of exponential forgetting. Our proposal. */
  memory: z
    .strictObject({
      /** Level of the load: habits and weather of these days. */
      loadLevelUs: z
        .int()
        .positive()
        .default(2 * DAY_US),
      /** Chance in the load: appliances that are on. */
      loadChanceUs: z
        .int()
        .positive()
        .default(20 * MINUTE_US),
      /** How slowly the sky drifts while the weather lasts. */
      weatherUs: z
        .int()
        .positive()
        .default(20 * DAY_US),
      /**
       * Mean time until the weather changes altogether. Daily clearness correlates by 0.3 from one day to the next,
       * exp(-24 h / 20 h): R. Aguiar, M. Collares-Pereira and J. P. Conde, Solar Energy 40 (1988) 269-279.
       */
      changeUs: z
        .int()
        .positive()
        .default(20 * 60 * MINUTE_US),
      /** Clouds that pass. */
      cloudsUs: z
        .int()
        .positive()
        .default(15 * MINUTE_US),
    })
    .prefault({}),
});

const powers = z.array(z.number()).min(1);

const seriesSchema = z
  .strictObject({
    source: z.literal('series'),
    ...common,
    /** Beginning of the first value: ISO 8601 with zone. */
    start: instantSchema,
    /** Interval means of the site, W, one per `seriesStepUs`: consumption and production, both positive. */
    loadW: powers,
    generationW: powers,
    seriesStepUs: z.int().positive().default(900e6),
    /** Standard deviation relative to the value. */
    relativeSigma: z.number().nonnegative().default(0),
  })
  .refine(({ loadW, generationW }) => loadW.length === generationW.length, {
    error: 'does not have as many values as loadW',
    path: ['generationW'],
  });

export const forecastingConfigSchema = z.discriminatedUnion('source', [modelSchema, seriesSchema]);
export type ModelConfig = z.output<typeof modelSchema>;
export type SeriesConfig = z.output<typeof seriesSchema>;
export type ForecastingConfig = z.output<typeof forecastingConfigSchema>;
export type TemperatureConfig = z.output<typeof temperatureSchema>;

function isZone(name: string): boolean {
  try {
    createLocalTime(name);
    return true;
  } catch {
    return false;
  }
}
