/** Every KPI of a run, with its title, unit, formula and source. Its name in expectations: `kpi.<name>`. */
import { ours } from './metrics-catalogue.ts';

export interface KpiDefinition {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly formula: string;
  readonly source: string;
}

const useCases = 'Platone use cases (IEC 62559-2 drafts); formula: project definition';
/** Source of the KPIs that are plain sums and peaks of the site's own series. */
export const energyAccountSource = 'energy account of the record';

function kpi(name: string, title: string, unit: string, formula: string, source: string): KpiDefinition {
  return { name, title, unit, formula, source };
}

/** A figure of the energy account as run, and the same with every battery idle. */
function withAndWithout(name: string, title: string, unit: string, formula: string): readonly KpiDefinition[] {
  const idle = formula.replaceAll('P_a', 'P_b').replaceAll(/\b(losses|shunts)\b/g, '$1_b');
  return [
    kpi(name, title, unit, formula, energyAccountSource),
    kpi(`${name}Before`, `${title}, battery idle`, unit, idle, energyAccountSource),
  ];
}

/**
 * P_a: grid exchange (MV side of the transformer, import positive), P_b: the same with every battery idle,
 * x+ = max(x, 0), x- = max(-x, 0), E_left = energy in the batteries at the end less that at the start.
 *
 * SoC-neutral figures bring every battery back to its start at the grid connection: a surplus counts as exported after
 * the discharge efficiency, E_out = max(0, E_left) eta_discharge, a deficit as imported before the charge efficiency,
 * E_in = max(0, -E_left) / eta_charge.
 *
 * X_own, X_initial: exported energy by its origin. Generation of a step goes out first, the rest from the batteries, whose
 * content is mixed of initial charge, import and own generation (E_own of it at the end): see `own-generation.ts`.
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
  kpi(
    'selfConsumption',
    'Own generation consumed',
    '%',
    '1 - X_own / E_generation, X_own: exported own generation, sum P_a- dt less initial charge and import sent out by batteries',
    `UC-DE-1 K03, ${useCases}`,
  ),
  kpi(
    'selfConsumptionBefore',
    'Own generation consumed, battery idle',
    '%',
    '1 - sum min(P_b-, P_generation) dt / E_generation',
    ours,
  ),
  kpi(
    'selfConsumptionSocNeutral',
    'Own generation consumed, SoC-neutral',
    '%',
    '1 - ((X_own - (max(0, -E_left) eta_discharge - X_initial)+)+ + E_out min(1, E_own / E_left)) / E_generation, X_initial: exported initial charge, E_own: own generation in the batteries at the end',
    ours,
  ),
  kpi(
    'selfSufficiency',
    'Load served by own sources',
    '%',
    'sum (D - P_a+)+ dt / sum D dt, D = load + shunts + losses',
    useCases,
  ),
  kpi(
    'selfSufficiencyBefore',
    'Load served by own sources, battery idle',
    '%',
    'sum (D_b - P_b+)+ dt / sum D_b dt, D_b = load + shunts_b + losses_b',
    ours,
  ),
  kpi(
    'selfSufficiencySocNeutral',
    'Load served by own sources, SoC-neutral',
    '%',
    '(sum (D - P_a+)+ dt - E_in (1 - X_initial / (max(0, -E_left) eta_discharge))+)+ / sum D dt, D = load + shunts + losses',
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
    "share of instants with a setpoint in force that no limit of power or SoC clips, nor holds at itself while |P_a - P'| is above 1 % of the transformer rating",
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
    'share of the instants of holds with a setpoint in force at every battery that is available, as in flexibilityAvailability',
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
  kpi(
    'gainOverIdleSocNeutral',
    'Gain over idle batteries, SoC-neutral',
    'kWh',
    'energy off target, battery idle, less energy off target - E_in - E_out',
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
    'sum (C - (P_a - losses)+)+ dt / sum C dt, C = load + shunts',
  ),
  kpi(
    'exchangedEnergyReductionWithoutLosses',
    'Reduction of exchanged energy, without losses',
    '%',
    '1 - sum|P_a - losses| / sum|P_b - losses_b|',
    energyAccountSource,
  ),
  kpi(
    'exchangedEnergyReductionWithoutLossesSocNeutral',
    'Reduction of exchanged energy, without losses, SoC-neutral',
    '%',
    '1 - (sum|P_a - losses| dt + E_in + E_out) / (sum|P_b - losses_b| dt)',
    energyAccountSource,
  ),
  kpi('loadEnergy', 'Consumed', 'kWh', 'sum P_load dt', energyAccountSource),
  kpi('generationEnergy', 'Generated', 'kWh', 'sum P_generation dt', energyAccountSource),
  ...withAndWithout('shuntsEnergy', 'Drawn by shunts', 'kWh', 'sum shunts dt'),
  ...withAndWithout('lossesEnergy', 'Grid losses', 'kWh', 'sum losses dt'),
  kpi('batteryCharged', 'Charged', 'kWh', 'sum P_battery- dt', energyAccountSource),
  kpi('batteryDischarged', 'Discharged', 'kWh', 'sum P_battery+ dt', energyAccountSource),
  kpi('batteryLosses', 'Battery losses', 'kWh', 'losses at the end less those at the start', energyAccountSource),
  kpi('batteryEnergyLeft', 'Energy left in the battery', 'kWh', 'E_left', energyAccountSource),
  kpi('batteryCycles', 'Full cycles', '1', 'sum P_battery+ dt / capacity', energyAccountSource),
  ...withAndWithout('importPeak', 'Import peak', 'kW', 'max P_a+'),
  ...withAndWithout('exportPeak', 'Back-feed peak', 'kW', 'max P_a-'),
];
