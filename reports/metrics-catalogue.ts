/** Every metric that a run is scored by, with its unit, formula and source. Its name in expectations: `<metric>.<statistic>`. */

const statisticNames = ['count', 'mean', 'rmse', 'bias', 'min', 'p50', 'p95', 'p99', 'max'] as const;
export type StatisticName = (typeof statisticNames)[number];

/**
 * How samples become statistics. `error`: signed samples, whose mean and bias differ (mean, percentiles and max of the
 * magnitude, min of the magnitude too). `value`: samples as they are. `share`: 0 or 100, only the mean is meaningful.
 */
type SampleKind = 'error' | 'value' | 'share';

export interface MetricDefinition {
  readonly name: string;
  readonly unit: string;
  readonly samples: SampleKind;
  readonly statistics: readonly StatisticName[];
  /** What a bare name in an expectation means. */
  readonly headline: StatisticName;
  /** What one sample is. */
  readonly formula: string;
  readonly source: string;
}

const errorStatistics = ['count', 'mean', 'rmse', 'bias', 'p50', 'p95', 'p99', 'max'] as const;
const valueStatistics = ['count', 'mean', 'min', 'p50', 'p95', 'p99', 'max'] as const;
const shareStatistics = ['count', 'mean'] as const;

function error(name: string, unit: string, formula: string, source: string): MetricDefinition {
  return { name, unit, samples: 'error', statistics: errorStatistics, headline: 'p95', formula, source };
}

function value(name: string, unit: string, headline: StatisticName, formula: string, source: string): MetricDefinition {
  return { name, unit, samples: 'value', statistics: valueStatistics, headline, formula, source };
}

function share(name: string, formula: string, source: string): MetricDefinition {
  return { name, unit: '%', samples: 'share', statistics: shareStatistics, headline: 'mean', formula, source };
}

/** Source of what this project defined for itself. */
export const ours = 'project definition';
const synchrophasor = 'IEC/IEEE 60255-118-1:2018';

export const metricCatalogue: readonly MetricDefinition[] = [
  error(
    'pmu.tve',
    '%',
    '|X_reported - X| / |X| of every voltage and current phasor, X at the terminals of the PMU and at the reported tag; of half a phasor, the error of that half',
    synchrophasor,
  ),
  error(
    'pmu.tve.chain',
    '%',
    'as pmu.tve, against the phasors of the grid: errors of the instrument transformers included',
    synchrophasor,
  ),
  error('pmu.tve.voltage', '%', 'as pmu.tve, voltage phasors only', synchrophasor),
  error('pmu.tve.current', '%', 'as pmu.tve, current phasors only', synchrophasor),
  error('pmu.frequency.error', 'mHz', 'f_reported - f_true at the reported tag', synchrophasor),
  error(
    'power.active.error',
    'W',
    'P_calculated - Re(V I*) at the terminals of the PMU and the tag of its frame, per phase and total',
    ours,
  ),
  error(
    'power.active.error.rated',
    '%',
    'as power.active.error, relative to the rated power of the measured branch (a third of it per phase)',
    ours,
  ),
  error(
    'meter.energy.error',
    '%',
    '(register difference - true energy) / true energy between the tags of two messages, where it is at least 1 % of the meter basis (3 x 230 V x 5 A)',
    'MID 2014/32/EU annex V; project definition',
  ),
  error('meter.energy.error.small', 'Wh', 'register difference - true energy between two tags, below that limit', ours),
  error(
    'estimate.voltage.error',
    '%',
    '(|V_estimated| - |V_true|) / |V_true| per energised bus-phase and estimate; interval estimates against the interval mean of truth',
    ours,
  ),
  error(
    'estimate.angle.error',
    'mrad',
    'wrapped angle difference relative to phase A of the reference bus, reference excluded',
    ours,
  ),
  share('estimate.coverage', 'bus-phases and recorded intervals that had an estimate; warm-up counted', ours),
  share('estimate.sigma2.coverage', 'true voltages inside estimate +- 2 sigma (95.4 % when sigma is right)', ours),
  share('estimate.converged', 'estimator answers with status "converged"', ours),
  share(
    'model.finding.precision',
    'things that the estimator named as wrong on paper (switch, open point, tap, phases of a meter) and that were, as named',
    ours,
  ),
  share(
    'model.finding.recall',
    'things that the scenario had made wrong on paper and that were named, as they are',
    ours,
  ),
  value(
    'model.finding.delay',
    's',
    'max',
    'per named thing: first estimate that names it - begin of the run, or of the event that made it wrong',
    ours,
  ),
  value(
    'model.finding.wrong',
    '1',
    'max',
    'things named wrongly so far, per estimate of an estimator that watches',
    ours,
  ),
  error('forecast.load.error', 'W', 'forecast site load (last one issued before the step) - true interval mean', ours),
  error('forecast.generation.error', 'W', 'forecast site generation - true interval mean', ours),
  error(
    'forecast.load.error.dayAhead',
    'W',
    'as forecast.load.error, of every forecast and each of its steps that begins 1 h to 24 h after it was issued',
    ours,
  ),
  error('forecast.generation.error.dayAhead', 'W', 'as forecast.load.error.dayAhead, of the site generation', ours),
  share(
    'forecast.load.coverage',
    'true interval means between the 10 % and 90 % quantiles of every forecast, up to 24 h ahead (80 % when they are right)',
    ours,
  ),
  share(
    'forecast.generation.coverage',
    'as forecast.load.coverage, where the 90 % quantile is above 1 % of the highest generation',
    ours,
  ),
  value(
    'forecast.load.pinball',
    'W',
    'mean',
    'mean pinball loss of the 10 % and 90 % quantiles over the steps of forecast.load.coverage: less is better',
    'R. Koenker, G. Bassett, Econometrica 46 (1978)',
  ),
  value(
    'forecast.generation.pinball',
    'W',
    'mean',
    'as forecast.load.pinball, over the steps of forecast.generation.coverage',
    'R. Koenker, G. Bassett, Econometrica 46 (1978)',
  ),
  value(
    'forecast.load.width',
    'W',
    'mean',
    '90 % quantile - 10 % quantile, over the steps of forecast.load.coverage',
    ours,
  ),
  value(
    'forecast.generation.width',
    'W',
    'mean',
    'as forecast.load.width, over the steps of forecast.generation.coverage',
    ours,
  ),
  error(
    'setpoint.tracking.error',
    'W',
    'mean battery power of the step - setpoint in force at its end, after clipping: a setpoint that moves by X leaves X (command delay + half the ramp) / step',
    ours,
  ),
  share('setpoint.saturation', 'device instants with the setpoint clipped by power, ramp or SoC window', ours),
  value('battery.soc', '%', 'mean', 'state of charge of every battery and instant', ours),
  error(
    'battery.energyBalance.error',
    'Wh',
    'per step and battery: change of stored energy + P dt + change of losses',
    'conservation of energy',
  ),
  error(
    'site.powerBalance.error',
    'W',
    'load + shunts + losses - generation - battery - exchange, per instant',
    'conservation of energy',
  ),
  value('branch.loading', '%', 'max', 'mean loading per branch and interval, worst end and phase', 'IEC 60287 ratings'),
  value('branch.loading.peak', '%', 'max', 'highest loading within each interval', 'IEC 60287 ratings'),
  value('bus.voltage', '%', 'mean', 'interval mean of true voltage / nominal, per bus-phase', 'EN 50160'),
  share('bus.voltage.inBand', 'interval means of bus-phase voltages within +-10 % of nominal', 'EN 50160'),
  value(
    'bus.voltage.unbalance',
    '%',
    'p95',
    '|V_negative| / |V_positive| per three-phase bus and interval',
    'EN 50160',
  ),
];
