/**
 * The one table of everything that a run is scored by: metrics, KPIs, message counters and latency hops, each with its
 * unit, formula and source. Scoring, expectations, the report and the documentation read names and units from here.
 *
 * Names in expectations: `<metric>.<statistic>` (a bare `<metric>` means its headline statistic), `kpi.<name>`,
 * `messages.<counter>`, `latency.<hop>.<statistic>`.
 */

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

export interface KpiDefinition {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
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

const ours = 'project definition';
const synchrophasor = 'IEC/IEEE 60255-118-1:2018';

export const metricCatalogue: readonly MetricDefinition[] = [
  error(
    'pmu.tve',
    '%',
    '|X_reported - X| / |X| of every voltage and current phasor against the terminals of the PMU',
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
  error('pmu.frequency.error', 'mHz', 'f_reported - f_true', synchrophasor),
  error('power.active.error', 'W', 'P_calculated - Re(V I*) at the terminals of the PMU, per phase and total', ours),
  error(
    'power.active.error.rated',
    '%',
    'as power.active.error, relative to the rated power of the measured branch (a third of it per phase)',
    ours,
  ),
  error(
    'meter.energy.error',
    '%',
    '(register difference - true energy) / true energy per interval, where it is at least 1 % of the meter basis (3 x 230 V x 5 A)',
    'MID 2014/32/EU annex V; project definition',
  ),
  error('meter.energy.error.small', 'Wh', 'register difference - true energy per interval, below that limit', ours),
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
    'load + losses - generation - battery - exchange, per instant',
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

const useCases = 'Platone use cases (IEC 62559-2 drafts); formula: project definition';
/** Source of the KPIs that are plain sums and peaks of the site's own series. */
export const energyAccountSource = 'energy account of the record';
const site = energyAccountSource;

function kpi(name: string, title: string, unit: string, formula: string, source: string): KpiDefinition {
  return { name, title, unit, formula, source };
}

/** A figure of the energy account as run, and the same with every battery idle. */
function withAndWithout(name: string, title: string, unit: string, formula: string): readonly KpiDefinition[] {
  const idle = formula.replaceAll('P_a', 'P_b').replaceAll(/\blosses\b/g, 'losses_b');
  return [kpi(name, title, unit, formula, site), kpi(`${name}Before`, `${title}, battery idle`, unit, idle, site)];
}

/**
 * P_a: grid exchange (MV side of the transformer, import positive), P_b: the same with every battery idle,
 * x+ = max(x, 0), x- = max(-x, 0), E_left = energy in the batteries at the end less that at the start.
 *
 * SoC-neutral figures bring every battery back to its start at the grid connection: a surplus counts as exported after
 * the discharge efficiency, E_out = max(0, E_left) eta_discharge, a deficit as imported before the charge efficiency,
 * E_in = max(0, -E_left) / eta_charge.
 */
export const kpiCatalogue: readonly KpiDefinition[] = [
  kpi('exchangedEnergyReduction', 'Reduction of exchanged energy', '%', '1 - sum|P_a| / sum|P_b|', useCases),
  kpi(
    'exchangedEnergyReductionSocNeutral',
    'Reduction of exchanged energy, SoC-neutral',
    '%',
    '1 - (sum|P_a| dt + E_in + E_out) / (sum|P_b| dt)',
    ours,
  ),
  kpi('savedEnergy', 'Energy not bought from the grid', 'kWh', 'sum(P_b+ - P_a+) dt', `UC-DE-1 K01, ${useCases}`),
  kpi('savedEnergySocNeutral', 'Energy not bought, SoC-neutral', 'kWh', 'sum(P_b+ - P_a+) dt - E_in', ours),
  kpi(
    'backFeedPeakReduction',
    'Reduction of the back-feed peak',
    '%',
    '(max P_b- - max P_a-) / max P_b-',
    `UC-DE-1 K02, ${useCases}`,
  ),
  kpi('selfConsumption', 'Own generation consumed', '%', '1 - sum P_a- dt / E_generation', `UC-DE-1 K03, ${useCases}`),
  kpi('selfConsumptionBefore', 'Own generation consumed, battery idle', '%', '1 - sum P_b- dt / E_generation', ours),
  kpi(
    'selfConsumptionSocNeutral',
    'Own generation consumed, SoC-neutral',
    '%',
    '1 - (sum P_a- dt + E_out) / E_generation',
    ours,
  ),
  kpi(
    'selfSufficiency',
    'Load served by own sources',
    '%',
    'sum (D - P_a+)+ dt / sum D dt, D = load + losses',
    useCases,
  ),
  kpi(
    'selfSufficiencyBefore',
    'Load served by own sources, battery idle',
    '%',
    'sum (D_b - P_b+)+ dt / sum D_b dt, D_b = load + losses_b',
    ours,
  ),
  kpi(
    'selfSufficiencySocNeutral',
    'Load served by own sources, SoC-neutral',
    '%',
    '(sum (D - P_a+)+ dt - E_in)+ / sum D dt, D = load + losses',
    ours,
  ),
  kpi(
    'islandDuration',
    'Longest virtual island',
    'h',
    'longest time with |P_a| <= 1 % of the transformer rating; left after more than 60 s outside',
    `UC-DE-1 K04, ${useCases}`,
  ),
  kpi('islandDurationMean', 'Mean virtual island', 'h', 'mean length of those times', `UC-DE-1 K04, ${useCases}`),
  kpi('islandDurationMin', 'Shortest virtual island', 'h', 'shortest of those times', `UC-DE-1 K04, ${useCases}`),
  kpi('islandShare', 'Share of time as a virtual island', '%', 'sum of those times / duration', ours),
  kpi(
    'islandDurationQuarterHour',
    'Longest virtual island, 15-min means',
    'h',
    'as islandDuration on 15-min means of P_a',
    ours,
  ),
  kpi(
    'islandShareQuarterHour',
    'Share of time as a virtual island, 15-min means',
    '%',
    'as islandShare on 15-min means of P_a',
    ours,
  ),
  kpi(
    'flexibilityAvailability',
    'Flexibility availability',
    '%',
    'share of instants with a setpoint in force that no battery limit clips',
    `UC-DE-2 K01, ${useCases}`,
  ),
  kpi(
    'flexibilityResponsiveness',
    'Responsiveness',
    's',
    'median time from a setpoint step of at least 5 % of rated power until the battery is within 2 % of rated power of it',
    `UC-DE-2 K02, ${useCases}`,
  ),
  kpi(
    'flexibilityAccuracy',
    'Setpoint accuracy',
    '%',
    '1 - mean|P_battery - setpoint in force| / rated power',
    `UC-DE-2 K03, ${useCases}`,
  ),
  kpi(
    'forecastLoadSkill',
    'Skill of the load forecast, an hour ahead',
    '%',
    '1 - rmse(forecast) / rmse(last true step before the issue, held), steps that begin within an hour',
    ours,
  ),
  kpi(
    'forecastGenerationSkill',
    'Skill of the generation forecast, an hour ahead',
    '%',
    'as forecastLoadSkill, of the site generation',
    ours,
  ),
  kpi(
    'forecastLoadSkillDayAhead',
    'Skill of the load forecast, a day ahead',
    '%',
    '1 - rmse(forecast) / rmse(true load at the same time a day earlier), steps up to 24 h ahead; runs longer than a day',
    ours,
  ),
  kpi(
    'forecastGenerationSkillDayAhead',
    'Skill of the generation forecast, a day ahead',
    '%',
    'as forecastLoadSkillDayAhead, of the site generation',
    ours,
  ),
  kpi(
    'holdAvailability',
    'Hold: flexibility available',
    '%',
    'share of the instants of holds with a setpoint in force at every battery that none of its limits clips',
    `UC-DE-2 K01, ${useCases}`,
  ),
  kpi(
    'holdResponse',
    'Hold: response',
    's',
    "longest time from the request (or the agreed start) until |P_a - P'| is within 1 % of the transformer rating for 3 instants",
    `UC-DE-2 K02, ${useCases}`,
  ),
  kpi(
    'holdAccuracy',
    'Hold: accuracy',
    '%',
    "1 - sum|P_a - P'| dt / sum|P'| dt once settled; P_a holds the transformer's own losses, P' does not",
    `UC-DE-2 K03, ${useCases}`,
  ),
  kpi('holdError', 'Hold: mean deviation', 'kW', "mean|P_a - P'| once settled", ours),
  kpi('packageEnergy', 'Packages: energy', 'kWh', 'exchange inside the slots, in the direction of the package', ours),
  kpi('packagePlanned', 'Packages: planned energy', 'kWh', 'the same by the plan in force when each slot began', ours),
  kpi('packageError', 'Packages: deviation', 'kWh', 'sum over slots of |energy - planned energy|', ours),
  kpi('exchangeOutsidePackages', 'Exchanged outside packages', 'kWh', 'sum|P_a| dt outside the slots', ours),
  kpi(
    'exchangeOutsidePackagesReduction',
    'Reduction of exchange outside packages',
    '%',
    '1 - sum|P_a| / sum|P_b| outside the slots',
    ours,
  ),
  kpi(
    'energyOffTarget',
    'Energy off target',
    'kWh',
    "sum|P - P'| dt on quarter-hour means without grid losses; inside a package only what is outside 0 .. its power",
    ours,
  ),
  kpi(
    'energyOffTargetBefore',
    'Energy off target, battery idle',
    'kWh',
    'the same for the twin with idle batteries',
    ours,
  ),
  kpi(
    'energyOffTargetForesight',
    'Energy off target, perfect foresight',
    'kWh',
    'the least possible with the same batteries and as much energy left in them (1 % of capacity less at most)',
    ours,
  ),
  kpi(
    'gainOverIdle',
    'Gain over idle batteries',
    'kWh',
    'energy off target, battery idle, less energy off target',
    ours,
  ),
  kpi('regret', 'Regret', 'kWh', 'energy off target less that of perfect foresight', ours),
  kpi('regretShare', 'Regret, relative', '%', 'regret / energy off target with the battery idle', ours),
  ...withAndWithout('importedEnergy', 'Imported', 'kWh', 'sum P_a+ dt'),
  ...withAndWithout('exportedEnergy', 'Exported', 'kWh', 'sum P_a- dt'),
  ...withAndWithout('importWithoutLosses', 'Imported without losses', 'kWh', 'sum (P_a - losses)+ dt, split per step'),
  ...withAndWithout('exportWithoutLosses', 'Exported without losses', 'kWh', 'sum (P_a - losses)- dt, split per step'),
  ...withAndWithout(
    'selfSufficiencyWithoutLosses',
    'Load served by own sources, without losses',
    '%',
    'sum (load - (P_a - losses)+)+ dt / E_load',
  ),
  kpi(
    'exchangedEnergyReductionWithoutLosses',
    'Reduction of exchanged energy, without losses',
    '%',
    '1 - sum|P_a - losses| / sum|P_b - losses_b|',
    site,
  ),
  kpi(
    'exchangedEnergyReductionWithoutLossesSocNeutral',
    'Reduction of exchanged energy, without losses, SoC-neutral',
    '%',
    '1 - (sum|P_a - losses| dt + E_in + E_out) / (sum|P_b - losses_b| dt)',
    site,
  ),
  kpi('loadEnergy', 'Consumed', 'kWh', 'sum P_load dt', site),
  kpi('generationEnergy', 'Generated', 'kWh', 'sum P_generation dt', site),
  ...withAndWithout('lossesEnergy', 'Grid losses', 'kWh', 'sum losses dt'),
  kpi('batteryCharged', 'Charged', 'kWh', 'sum P_battery- dt', site),
  kpi('batteryDischarged', 'Discharged', 'kWh', 'sum P_battery+ dt', site),
  kpi('batteryLosses', 'Battery losses', 'kWh', 'losses at the end less those at the start', site),
  kpi('batteryEnergyLeft', 'Energy left in the battery', 'kWh', 'E_left', site),
  kpi('batteryCycles', 'Full cycles', '1', 'sum P_battery+ dt / capacity', site),
  ...withAndWithout('importPeak', 'Import peak', 'kW', 'max P_a+'),
  ...withAndWithout('exportPeak', 'Back-feed peak', 'kW', 'max P_a-'),
];

/** Totals of the message audit over all hops; `lost` is injected plus observed. */
export const messageCounters = [
  'published',
  'delivered',
  'refused',
  'lost',
  'lostInjected',
  'lostObserved',
  'inFlight',
  'unexplained',
  'duplicated',
  'reordered',
  'late',
] as const;

/** What must be true in every run; `invariants.<name>` counts violations, and one of them fails the run. */
export const invariantCatalogue = [
  { name: 'socWindow', statement: 'the state of charge of every battery stays inside its window' },
  { name: 'ratedPower', statement: 'no battery gives or takes more than its rated power' },
  {
    name: 'ramp',
    statement: 'no battery changes its power faster than its ramp, unless its window or rating stops it',
  },
  { name: 'energyBalance', statement: 'stored energy, energy at the terminals and losses of every battery add up' },
  { name: 'oneWay', statement: 'no battery charges and discharges at once: it loses what one direction loses' },
  { name: 'setpointPower', statement: 'no setpoint asks for more than rated power' },
  { name: 'setpointRamp', statement: 'no setpoint jumps further from the one before than the ramp allows' },
  { name: 'sender', statement: 'batteries obey setpoints of authorised senders only' },
  { name: 'silence', statement: 'a battery without a setpoint in force is at its default of 0 W' },
  {
    name: 'staleness',
    statement: 'setpoints rest on measurements of the last three periods, or follow the documented fallback',
  },
] as const;
export type InvariantName = (typeof invariantCatalogue)[number]['name'];

/** Latency of real-time and paced runs, us. The first and last point of each hop are in its name. */
export const latencyHops = [
  'device>bal',
  'bal>dsotp',
  'device>dsotp',
  'dsotp>powerCalculation',
  'powerCalculation>stateEstimation',
  'device>estimate',
  'device>setpoint',
  'setpoint>device',
] as const;
export type LatencyHop = (typeof latencyHops)[number];
export const latencyStatistics = ['count', 'p50', 'p95', 'p99', 'max'] as const;

/** A name that an expectation may use, with its unit. */
export interface QuantityDefinition {
  readonly name: string;
  readonly unit: string;
}

/** Every name that an expectation may use: for checking before the run, and for did-you-mean. */
export function listQuantities(): readonly QuantityDefinition[] {
  const metrics = metricCatalogue.flatMap(({ name, unit, statistics }) => [
    { name, unit },
    ...statistics.map((statistic) => ({ name: `${name}.${statistic}`, unit: statistic === 'count' ? '1' : unit })),
  ]);
  const latency = latencyHops.flatMap((hop) =>
    latencyStatistics.map((statistic) => ({
      name: `latency.${hop}.${statistic}`,
      unit: statistic === 'count' ? '1' : 'us',
    })),
  );
  return [
    ...metrics,
    ...kpiCatalogue.map(({ name, unit }) => ({ name: `kpi.${name}`, unit })),
    ...messageCounters.map((counter) => ({ name: `messages.${counter}`, unit: '1' })),
    ...['violations', ...invariantCatalogue.map(({ name }) => name)].map((name) => ({
      name: `invariants.${name}`,
      unit: '1',
    })),
    ...latency,
  ];
}

/** The unit of a name such as `estimate.voltage.error.p95`, or undefined when the catalogue has no such name. */
export function quantityUnit(name: string): string | undefined {
  return listQuantities().find((quantity) => quantity.name === name)?.unit;
}
