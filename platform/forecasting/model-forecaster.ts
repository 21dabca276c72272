/**
 * Forecast from the site's papers and its meters: the model says what is usual, the state how the site strays from it
 * just now, and the daily shape what recurs at the same hour. The further ahead, the more the usual is believed again.
 *
 * Of the metered connections, those without PV tell the load, and all together load less PV. With L and G the model's
 * load and generation of the reporting ones and k the clearness of the sky:
 *   y_load = L (1 + s x0 + c x1) + e          y_net = L (1 + s x0 + c x1) - G(k) + e,   k = k0 + w x2 + p x3
 * where x is the state of `site-state.ts` and s, c, w, p its scales. G is taken straight about the k of the moment.
 */
import { createClearnessClimate, type ClearnessClimate } from './clearness-climate.ts';
import type { ModelConfig } from './config.ts';
import { createDailyShape } from './daily-shape.ts';
import { fitLogitNormal, lognormalQuantile, mixtureQuantiles, parts } from './distribution.ts';
import type { Forecaster, MeteredPower, SiteObservation, WeatherReport } from './forecaster.ts';
import { createLocalTime } from './local-time.ts';
import type { SiteOutlook, StepOutlook } from './outlook.ts';
import { createSiteModel, type SiteModel, type SiteStep } from './site-model.ts';
import { stateSize } from './site-state.ts';
import { createSpreadCheck, type Moments } from './spread-check.ts';
import { createSkyHypotheses, type SkyHypotheses, type SkyHypothesis } from './sky-hypotheses.ts';

/** Clearness is not below: the thickest cloud lets that much through. And not above: bright edges, over 15 min. */
const DARKEST = 0.02;
const BRIGHTEST = 1.15;
/** As clear as a day usually gets: air less turbid than the model's. */
const BRIGHT = 1.05;
/** Share of a metered power that its meter may err by, and what it does not resolve, W: floor of a reading's sigma. */
const METER_ERROR = 0.005;
const METER_FLOOR_W = 30;
/** How far single plants stray from the site's mean utilisation, relative: planes and shadows. */
const SYSTEM_SPREAD = 0.1;
/** Of the clouds' sigma: what each roof has of its own. */
const OWN_CLOUD_SHARE = 0.5;
/** The sigmas are those of quarter hours. */
const QUARTER_US = 900e6;
/** A shorter mean also holds kettles and single clouds that are gone at once: up to so many times the variance on top. */
const BREVITY_MAX = 2;
/** Generation below this share of the peak says nothing about the sky, nor about a roof's habits. */
const DIM = 0.03;
/** Time over which the usual clearness is averaged, of daylight, us. */
const CLEARNESS_MEMORY_US = 12 * 3600e6;
/** Assumptions that are believed less are left out of quantiles. */
const LEAST_BELIEF = 0.01;

export function createModelForecaster(config: ModelConfig): Forecaster {
  return new ModelForecaster(config);
}

/** Parts of the site that a reading stands for: annual energy, MWh, and PV at clearness k, W. */
interface Part {
  readonly annualMWh: number;
  readonly linearW: number;
  readonly quadraticW: number;
  readonly peakW: number;
}

class ModelForecaster implements Forecaster {
  readonly name = 'model';
  readonly #config: ModelConfig;
  readonly #model: SiteModel;
  readonly #skies: SkyHypotheses;
  readonly #loadShape;
  readonly #pvShape;
  readonly #site: Part;
  readonly #loadCheck = createSpreadCheck();
  readonly #skyCheck = createSpreadCheck();
  readonly #climate: ClearnessClimate;
  readonly #whole = { customers: [] as number[], systems: [] as number[] };
  #usualClearness: number;
  /** Middle of the last observed interval. */
  #observedUs = -Infinity;
  /** And of the last one that showed the sky. */
  #seenUs = -Infinity;
  readonly #h = new Float64Array(stateSize);

  constructor(config: ModelConfig) {
    this.#config = config;
    this.#model = createSiteModel(config);
    this.#skies = createSkyHypotheses(config);
    const localTime = createLocalTime(config.zone);
    this.#loadShape = createDailyShape(localTime);
    this.#pvShape = createDailyShape(localTime);
    this.#usualClearness = config.clearness.mean;
    this.#climate = createClearnessClimate({ ...config.clearness, lowest: DARKEST, highest: BRIGHT });
    this.#whole.customers = config.customers.map((_, index) => index);
    this.#whole.systems = config.pvSystems.map((_, index) => index);
    this.#site = this.#part(this.#whole, undefined);
  }

  weather(report: WeatherReport): void {
    this.#model.report(report);
  }

  observe({ fromUs, toUs, connections }: SiteObservation): void {
    const believed = connections.filter((connection) => this.#isPlausible(connection));
    if (believed.length === 0 || !(toUs > fromUs)) return;
    const middleUs = (fromUs + toUs) / 2;
    this.#skies.advance(middleUs - this.#observedUs);
    this.#observedUs = middleUs;
    const step = this.#model.step(fromUs, toUs);
    const shape = { load: this.#loadShape.factorAt(middleUs), pv: this.#pvShape.factorAt(middleUs) };
    const loads = believed.filter(({ systems }) => systems.length === 0);
    const brevity = Math.min(BREVITY_MAX, Math.max(0, QUARTER_US / (toUs - fromUs) - 1));
    if (loads.length > 0) this.#take(loads, step, shape, brevity);
    // Without PV among them, the sum would be the same reading twice.
    if (loads.length < believed.length) this.#take(believed, step, shape, brevity);
    if (step.siteLinear >= DIM * this.#site.peakW && loads.length < believed.length) {
      this.#seenUs = middleUs;
      this.#learnSky(middleUs, toUs - fromUs, shape.pv);
    }
    this.#skyCheck.say(middleUs, (aheadUs) => this.#skyAt(middleUs + aheadUs, 1));
    this.#learnLoad(fromUs, toUs, step, shape.load);
  }

  outlook(fromUs: number, toUs: number): StepOutlook {
    const step = this.#model.step(fromUs, toUs);
    const middleUs = (fromUs + toUs) / 2;
    const aheadUs = Math.max(0, middleUs - this.#observedUs);
    const usualW = this.#loadShape.factorAt(middleUs) * step.profileW * this.#site.annualMWh;
    const stated = this.#loadDeviation(usualW, aheadUs);
    const load = { ...stated, variance: stated.variance * this.#loadCheck.factor(aheadUs) ** 2 };
    const sky = this.#skyAt(middleUs, this.#skyCheck.factor(aheadUs) ** 2);
    let clearness: ((probability: number) => number) | undefined;
    const pvShape = this.#pvShape.factorAt(middleUs);
    const { applianceW } = this.#config.loadSigma;
    const systemOutlook = (linear: number, quadratic: number, variance: number) => ({
      powerW: pvShape * Math.max(0, linear * sky.mean - quadratic * (sky.mean ** 2 + sky.variance)),
      sigmaW: pvShape * Math.abs(linear - 2 * quadratic * sky.mean) * Math.sqrt(variance),
    });
    return {
      load: loadOutlook(usualW * load.factor, usualW * Math.sqrt(load.variance)),
      generation: {
        ...systemOutlook(step.siteLinear, step.siteQuadratic, sky.variance),
        quantileW(probability) {
          if (step.siteLinear === 0) return 0;
          clearness ??= sky.quantiles();
          const k = clearness(probability);
          return pvShape * Math.max(0, step.siteLinear * k - step.siteQuadratic * k * k);
        },
      },
      customer: (index) => {
        const meanW = (usualW * this.#annualMWh(index)) / this.#site.annualMWh;
        // The site's deviation is shared out; who of them it is stays chance: appliances of the one customer.
        const own = applianceW * meanW * (1 - meanW / usualW);
        return { powerW: meanW * load.factor, sigmaW: Math.sqrt(meanW ** 2 * load.variance + own) };
      },
      system: (index) =>
        systemOutlook(
          step.linear[index] ?? 0,
          step.quadratic[index] ?? 0,
          sky.variance + OWN_CLOUD_SHARE ** 2 * this.#cloudVariance(),
        ),
    };
  }

  /** Factor on the usual load and variance of its relative deviation. */
  #loadDeviation(usualW: number, aheadUs: number): { readonly factor: number; readonly variance: number } {
    const s = this.#config.loadSigma.relative;
    const c = this.#chanceSigma(usualW);
    const { mean, variance } = this.#over(({ state }) => momentsOf(state, [0, s], [1, c], aheadUs));
    return { factor: Math.max(0.05, 1 + mean), variance };
  }

  /** While the weather lasts. */
  #clearnessAhead(aheadUs: number): Moments {
    const { mean, variance } = this.#over((sky) => clearnessBy(sky, aheadUs));
    return { mean: clearnessWithin(this.#config.clearness.mean + mean), variance };
  }

  /**
   * Clearness: with probability exp(-t / tau) the weather of t ago is still there, else any that is usual here. Its mean
   * is that of a first-order autoregression, as daily clearness has it; its distribution has both, the sky that lasts and
   * the sky that has changed. `changes`: how often it changes, in what is usual.
   */
  #skyAt(middleUs: number, changes: number) {
    const aheadUs = Math.max(0, middleUs - this.#observedUs);
    const usualLasting = Math.exp(-Math.max(0, middleUs - this.#seenUs) / this.#config.memory.changeUs);
    const lasting = Math.max(0, 1 - changes * (1 - usualLasting));
    const same = this.#clearnessAhead(aheadUs);
    const { mean: usual, variance: spread, values: usually } = this.#climate;
    const mean = lasting * same.mean + (1 - lasting) * usual;
    const square = lasting * (same.variance + same.mean ** 2) + (1 - lasting) * (spread + usual ** 2);
    const likely = this.#skies.all
      .filter(({ belief }) => belief >= LEAST_BELIEF)
      .map((sky) => ({ belief: sky.belief, ...clearnessBy(sky, aheadUs) }));
    const believed = likely.reduce((sum, { belief }) => sum + belief, 0);
    return {
      mean,
      variance: square - mean ** 2,
      quantiles: () =>
        mixtureQuantiles([
          ...likely.map((sky) => {
            const k = clearnessWithin(this.#config.clearness.mean + sky.mean);
            const quantile = fitLogitNormal(k, Math.sqrt(sky.variance), BRIGHTEST);
            return {
              weight: (lasting * sky.belief) / believed,
              values: (part: number) => quantile((part + 0.5) / parts),
            };
          }),
          { weight: 1 - lasting, values: (part: number) => usually[part] ?? Number.NaN },
        ]),
    };
  }

  #cloudVariance(): number {
    return this.#over(({ clouds }) => ({ mean: clouds ** 2, variance: 0 })).mean;
  }

  /** Mean and variance under all assumptions about the sky, as far as each is believed: their spread adds to it. */
  #over(of: (sky: SkyHypothesis) => Moments): Moments {
    let mean = 0;
    let square = 0;
    for (const sky of this.#skies.all) {
      const moments = of(sky);
      mean += sky.belief * moments.mean;
      square += sky.belief * (moments.variance + moments.mean ** 2);
    }
    return { mean, variance: Math.max(0, square - mean ** 2) };
  }

  /** One reading of several connections together; `brevity`: variance of what is gone at once, in that of a quarter hour. */
  #take(
    connections: readonly MeteredPower[],
    step: SiteStep,
    shape: { readonly load: number; readonly pv: number },
    brevity: number,
  ): void {
    const behind = {
      customers: connections.flatMap(({ customers }) => customers),
      systems: connections.flatMap(({ systems }) => systems),
    };
    const part = this.#part(behind, step);
    const netW = connections.reduce((sum, connection) => sum + connection.netW, 0);
    const usualW = shape.load * step.profileW * part.annualMWh;
    const siteW = shape.load * step.profileW * this.#site.annualMWh;
    const [linear, quadratic] = [shape.pv * part.linearW, shape.pv * part.quadraticW];
    this.#h[0] = usualW * this.#config.loadSigma.relative;
    this.#h[1] = usualW * this.#chanceSigma(siteW);
    // What the others do by chance, and how their roofs differ, these do not show.
    const others = Math.max(0, 1 - usualW / siteW);
    const roofs = SYSTEM_SPREAD ** 2 * Math.max(0, 1 - part.peakW / (this.#site.peakW || 1));
    const usualK = this.#config.clearness.mean;
    const logDensities = this.#skies.all.map((sky) => {
      const k = clearnessWithin(usualK + clearnessBy(sky, 0).mean);
      const generationW = linear * k - quadratic * k * k;
      const slope = linear - 2 * quadratic * k;
      this.#h[2] = -slope * sky.weather;
      this.#h[3] = -slope * sky.clouds;
      const y = netW - usualW + generationW + slope * (usualK - k);
      const r =
        this.#config.loadSigma.applianceW * usualW * (others + brevity) +
        brevity * (slope * sky.clouds) ** 2 +
        roofs * generationW ** 2 +
        (METER_ERROR * (usualW + generationW)) ** 2 +
        METER_FLOOR_W ** 2;
      return sky.state.update(this.#h, y, r);
    });
    this.#skies.judge(logDensities);
  }

  #learnLoad(fromUs: number, toUs: number, step: SiteStep, shape: number): void {
    const middleUs = (fromUs + toUs) / 2;
    const usualW = shape * step.profileW * this.#site.annualMWh;
    const chance = this.#over(({ state }) => momentsOf(state, [1, 1], [0, 0], 0));
    // Relative to the papers, what was learned already included; believed as far as it was seen.
    const strayed = this.#chanceSigma(usualW) * chance.mean * (1 - chance.variance);
    this.#loadShape.learn(middleUs, shape * (1 + strayed) - 1);
    this.#loadCheck.came(middleUs, toUs - fromUs, relative(this.#loadDeviation(usualW, 0)));
    this.#loadCheck.say(middleUs, (aheadUs) => {
      const then = this.#model.step(fromUs + aheadUs, toUs + aheadUs);
      const thenW = this.#loadShape.factorAt(middleUs + aheadUs) * then.profileW * this.#site.annualMWh;
      return relative(this.#loadDeviation(thenW, aheadUs));
    });
  }

  #learnSky(middleUs: number, lengthUs: number, shape: number): void {
    const { mean, variance } = this.#clearnessAhead(0);
    const seen = Math.max(0, 1 - variance / (this.#config.clearness.sigma ** 2 || 1));
    this.#climate.learn(mean, lengthUs * seen);
    this.#skyCheck.came(middleUs, lengthUs, { mean, variance });
    this.#pvShape.learn(middleUs, shape * (1 + (mean / this.#usualClearness - 1) * seen) - 1);
    this.#usualClearness += (mean - this.#usualClearness) * (1 - Math.exp(-lengthUs / CLEARNESS_MEMORY_US)) * seen;
  }

  /** Sigma of the chance in a load of so many watts, relative. */
  #chanceSigma(usualW: number): number {
    return usualW > 0 ? Math.sqrt(this.#config.loadSigma.applianceW / usualW) : 0;
  }

  #annualMWh(index: number): number {
    return (this.#config.customers[index]?.annualEnergyWh ?? 0) / 1e6;
  }

  #part({ customers, systems }: Pick<MeteredPower, 'customers' | 'systems'>, step: SiteStep | undefined): Part {
    const sum = (indices: readonly number[], of: (index: number) => number) =>
      indices.reduce((total, index) => total + of(index), 0);
    return {
      annualMWh: sum(customers, (index) => this.#annualMWh(index)),
      linearW: sum(systems, (index) => step?.linear[index] ?? 0),
      quadraticW: sum(systems, (index) => step?.quadratic[index] ?? 0),
      peakW: sum(systems, (index) => this.#config.pvSystems[index]?.peakPowerW ?? 0),
    };
  }

  /** A house does not draw more than its fuses let through, nor feed in more than its roof. */
  #isPlausible({ netW, customers, systems }: MeteredPower): boolean {
    const { annualMWh, peakW } = this.#part({ customers, systems }, undefined);
    const mostW = FUSES_W * Math.max(1, customers.length) + MEAN_TO_PEAK * annualMWh * W_PER_MWH;
    return netW <= mostW && netW >= -(1.2 * peakW + METER_FLOOR_W);
  }
}

/** Three phases of 63 A. */
const FUSES_W = 43_500;
/** Larger customers than houses: so many times their mean power. */
const MEAN_TO_PEAK = 10;
/** Mean power of 1 MWh a year. */
const W_PER_MWH = 1e6 / 8760;

/** Of a x_i + b x_j after `aheadUs` more. */
function momentsOf(
  state: SkyHypothesis['state'],
  [i, a]: readonly [number, number],
  [j, b]: readonly [number, number],
  aheadUs: number,
): Moments {
  const variance =
    a * a * state.covariance(i, i, aheadUs) +
    2 * a * b * state.covariance(i, j, aheadUs) +
    b * b * state.covariance(j, j, aheadUs);
  return { mean: a * state.mean(i, aheadUs) + b * state.mean(j, aheadUs), variance };
}

function relative({ factor, variance }: { readonly factor: number; readonly variance: number }): Moments {
  return { mean: factor - 1, variance };
}

/** How far the clearness strays from its usual mean. */
function clearnessBy({ state, weather, clouds }: SkyHypothesis, aheadUs: number): Moments {
  return momentsOf(state, [2, weather], [3, clouds], aheadUs);
}

function clearnessWithin(clearness: number): number {
  return Math.min(BRIGHTEST, Math.max(DARKEST, clearness));
}

function loadOutlook(powerW: number, sigmaW: number): SiteOutlook {
  return { powerW, sigmaW, quantileW: (probability) => lognormalQuantile(powerW, sigmaW, probability) };
}
