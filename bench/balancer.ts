/**
 * What plans and rules cost: the first plan of a process (the solver is loaded for it), plans by size and kind, the
 * explanation of a clash, a day of the receding horizon, and the near-real-time rule. Targets on two cores: one battery
 * and 96 steps 150 ms, 20 batteries 1 s, 20 batteries and 672 steps 15 s; the rule 20 us.
 *
 *   npm run bench:balancer                  seven rounds
 *   npm run bench:balancer -- --rounds 3
 *
 * Every round plans another week of the site that `siteProblem` makes from its number: load with a morning and an evening
 * hump (mean 26 kW, 50 kW at most), 302 kWp of sun under clouds that differ by day and quarter of an hour, a community
 * battery of 300 kW and 800 kWh, and household batteries of 3 to 10 kW and 8 to 28 kWh, every second of which charges only.
 */
import { cpus, loadavg } from 'node:os';
import { median } from '../numerics/statistics.ts';
import { loadOptimiser, type Optimiser } from '../platform/balancer/optimisation/optimiser.ts';
import {
  islandCosts,
  openExchange,
  type EnergyPackage,
  type PlanBattery,
  type PlanCosts,
  type PlanProblem,
} from '../platform/balancer/optimisation/problem.ts';
import { batteryModelOf } from '../platform/balancer/config.ts';
import { balanceStep, stateOfChargeAfter, type BatteryModel } from '../platform/balancer/rules.ts';
import { balancer } from '../platform/balancer/service.ts';
import type { Forecast } from '../platform/contract/forecast.ts';
import type { Measurement } from '../platform/contract/measurement.ts';
import type { Setpoint } from '../platform/contract/setpoint.ts';
import { formatInstant } from '../platform/contract/time.ts';
import type { Input } from '../platform/service/definition.ts';

const QUARTER_S = 900;
const STEPS_A_DAY = 96;

/** Deterministic numbers in [0, 1). */
function stream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * `island`: each kWh across the connection costs 1, and the peaks 0.1 a kW; wear that keeps batteries from cycling for
 * their losses. `tariff`: prices by quarter of an hour from 0.20 to 0.42, feed-in at 0.08, peaks, wear, limits of the
 * exchange, and the community battery has to end where it began. `negative`: the tariff with four hours in which import is
 * paid for. `burning`: in which export costs even more, and wear costs nothing: what batteries lose is money earned.
 * `clash`: the island with an export limit of 10 kW, and a package of exactly 60 kWh that leaves the sun no place to go.
 */
type Kind = 'island' | 'tariff' | 'negative' | 'burning' | 'clash';

function siteProblem(kind: Kind, batteries: number, steps: number, round: number): PlanProblem {
  const random = stream(1000 * round + batteries);
  const hour = (k: number) => ((k % STEPS_A_DAY) * 24) / STEPS_A_DAY;
  const hump = (at: number, k: number, width: number) => Math.exp(-(((hour(k) - at) / width) ** 2));
  const series = (of: (k: number) => number) => Array.from({ length: steps }, (_, k) => of(k));
  const days = Array.from({ length: Math.ceil(steps / STEPS_A_DAY) }, () => 0.35 + 0.65 * random());
  const clouds = (k: number) => (days[Math.floor(k / STEPS_A_DAY)] ?? 1) * (0.85 + 0.15 * random());
  const sun = (k: number) => 210e3 * Math.max(0, Math.sin(((hour(k) - 6.5) / 13) * Math.PI)) * clouds(k);
  const isTrade = kind !== 'island' && kind !== 'clash';
  const limited = isTrade || kind === 'clash';
  const bulk: EnergyPackage = {
    id: 'bulk',
    fromStep: 36,
    untilStep: 61,
    at: 'batteries',
    direction: 'in',
    minEnergyWh: 60e3,
    maxEnergyWh: 60e3,
    constantPower: false,
  };
  return {
    startUs: 0,
    stepS: series(() => QUARTER_S),
    loadW: series((k) => 14e3 + 14e3 * hump(8, k, 2.5) + 32e3 * hump(20, k, 3) + 2e3 * random()),
    generationW: series(sun),
    curtailment: kind === 'tariff',
    batteries: Array.from({ length: batteries }, (_, n) => siteBattery(n, steps, kind, random)),
    chargeFrom: 'any',
    exchange: {
      ...openExchange(steps),
      ...(limited && { minW: series(() => (kind === 'clash' ? -10e3 : -250e3)), maxW: series(() => 250e3) }),
    },
    packages: kind === 'clash' ? [bulk] : [],
    costs: isTrade
      ? tradeCosts(kind, steps, random)
      : { ...islandCosts(steps), importPeakPerKW: 0.1, exportPeakPerKW: 0.1 },
  };
}

function siteBattery(n: number, steps: number, kind: Kind, random: () => number): PlanBattery {
  const powerW = n === 0 ? 300e3 : 3e3 + 7e3 * random();
  const eta = 0.93 + 0.05 * random();
  const ends = { boundary: steps, minSoc: 0.3, maxSoc: 1 };
  return {
    id: `battery-${n}`,
    maxDischargeW: powerW,
    maxChargeW: powerW,
    capacityWh: n === 0 ? 800e3 : 8e3 + 20e3 * random(),
    socMin: 0.0875,
    socMax: 0.875,
    chargeEfficiency: eta,
    dischargeEfficiency: eta,
    initialSoc: 0.3,
    mayDischarge: n % 2 === 0,
    socTargets: n === 0 && kind !== 'clash' ? [ends] : [],
    wearPerKWh: wearOf(kind, eta, random()),
  };
}

function wearOf(kind: Kind, eta: number, spread: number): number {
  if (kind === 'burning') return 0;
  return (kind === 'island' || kind === 'clash' ? 0.6 * (1 - eta * eta) : 0.02) + 0.01 * spread;
}

function tradeCosts(kind: Kind, steps: number, random: () => number): PlanCosts {
  const zeros = Array<number>(steps).fill(0);
  const isNegative = (k: number) => kind !== 'tariff' && k % STEPS_A_DAY >= 44 && k % STEPS_A_DAY < 60;
  const price = (k: number) => 0.31 + 0.09 * Math.sin((k / STEPS_A_DAY) * 4 * Math.PI) + 0.02 * random();
  const importPricePerKWh = zeros.map((_, k) => (isNegative(k) ? -0.05 - 0.02 * random() : price(k)));
  const exportPrice = (k: number) => (kind === 'burning' && isNegative(k) ? (importPricePerKWh[k] ?? 0) - 0.03 : 0.08);
  return {
    ...islandCosts(steps),
    aboveTargetPerKWh: zeros,
    belowTargetPerKWh: zeros,
    importPricePerKWh,
    exportPricePerKWh: zeros.map((_, k) => exportPrice(k)),
    importPeakPerKW: 0.2,
    storedValuePerKWh: 0.1,
  };
}

/** Milliseconds of one call. */
function timed<Value>(run: () => Value): { readonly ms: number; readonly value: Value } {
  const began = performance.now();
  const value = run();
  return { ms: performance.now() - began, value };
}

function line(name: string, ms: readonly number[], note: string, targetMs?: number): void {
  const spread = `least ${Math.min(...ms).toFixed(0)}, most ${Math.max(...ms).toFixed(0)}, ${ms.length} rounds`;
  const verdict = targetMs === undefined ? '' : `; target ${targetMs} ms: ${median(ms) <= targetMs ? 'met' : 'MISSED'}`;
  console.log(`${name.padEnd(38)} ${median(ms).toFixed(0).padStart(6)} ms  (${spread}${verdict})  ${note}`);
}

/** Medians by number of batteries and steps of the kind that is a linear program, for comparison in the same run. */
const linearMs = new Map<string, number>();

function measurePlans(
  optimiser: Optimiser,
  kind: Kind,
  batteries: number,
  steps: number,
  rounds: number,
  target?: number,
) {
  const ms: number[] = [];
  let [solves, gap, total, smallest] = [0, 0, 0, 0];
  for (let round = 1; round <= rounds; round += 1) {
    const problem = siteProblem(kind, batteries, steps, round);
    const { ms: took, value } = timed(() => optimiser.plan(problem));
    if (value.status === 'unsolved') throw new Error(value.reason);
    ms.push(took);
    if (value.status === 'infeasible' && value.isSmallest) smallest += 1;
    if (value.status !== 'optimal') continue;
    solves = Math.max(solves, value.effort.solves);
    gap = Math.max(gap, value.effort.gap);
    total += value.objective.total;
  }
  const name = `${kind}, ${batteries === 1 ? 'one battery' : `${batteries} batteries`}, ${steps} steps`;
  const size = `${batteries} ${steps}`;
  if (kind === 'tariff') linearMs.set(size, median(ms));
  const times = median(ms) / (linearMs.get(size) ?? Number.NaN);
  const search =
    solves === 1
      ? 'linear'
      : `${times.toFixed(1)} times the tariff, up to ${solves} linear programs, gap ${(100 * gap).toPrecision(2)} % at most`;
  line(
    name,
    ms,
    kind === 'clash'
      ? `refused and explained, ${smallest} of ${rounds} proven smallest, ${times.toFixed(1)} times the tariff`
      : `${search}; sum of objectives ${total.toFixed(6)}`,
    target,
  );
}

/** A day of the balancer service: 96 plans, each of the rest of the day, and 8,640 setpoints by rule. */
async function measureHorizon(): Promise<void> {
  const day = siteProblem('island', 1, STEPS_A_DAY, 1);
  const [battery] = day.batteries;
  if (battery === undefined) throw new Error('no battery');
  const config = balancer.configSchema.parse({
    mode: 'near-real-time',
    site: 'bench',
    planning: 'optimisation',
    breaker: { device: 'pmu', component: 'branch:t:to', importSign: -1 },
    battery: {
      device: 'cbes',
      ratedPowerW: battery.maxChargeW,
      capacityWh: battery.capacityWh,
      socMin: battery.socMin,
      socMax: battery.socMax,
    },
  });
  await balancer.ready?.(config);
  const core = balancer.create(config);
  const model = batteryModelOf(config.battery);
  const [planning, following]: [number[], number[]] = [[], []];
  let soc = battery.initialSoc;
  let batteryW = 0;
  for (let tick = 0; tick < 8640; tick += 1) {
    const step = Math.floor(tick / 90);
    const timeUs = tick * 10e6;
    const netW = ((day.loadW[step] ?? 0) - (day.generationW[step] ?? 0)) * (0.9 + 0.2 * Math.sin(tick));
    const inputs = [powerInput(timeUs, netW - batteryW), batteryInput(timeUs, batteryW, soc)];
    if (tick % 90 === 0) inputs.push(forecastInput(timeUs, day.loadW.slice(step), day.generationW.slice(step)));
    const { ms, value } = timed(() => core.step({ timeUs, sequence: tick + 1, inputs, final: false }));
    (value.some(({ topic }) => topic.includes('/plan/')) ? planning : following).push(ms);
    const setpoint = value.find(({ topic }) => topic.startsWith('setpoint/'))?.message as Setpoint | undefined;
    batteryW = setpoint?.activePowerW ?? 0;
    soc = stateOfChargeAfter(model, soc, batteryW, 10);
  }
  const total = [...planning, ...following].reduce((sum, each) => sum + each, 0);
  line(
    'receding horizon, one day',
    [total],
    `${planning.length} plans, ${median(planning).toFixed(1)} ms each (median)`,
  );
  const perStep = 1000 * median(following);
  console.log(`${'  following the plan'.padEnd(38)} ${perStep.toFixed(2).padStart(6)} us a step`);
}

function powerInput(timeUs: number, importW: number): Input {
  const reading = { component: 'branch:t:to', measurand: 'activepower', phase: 'total', data: -importW } as const;
  return input(timeUs, 'power', measurement(timeUs, 'pmu', [reading]));
}

function batteryInput(timeUs: number, powerW: number, soc: number): Input {
  const of = { component: 'battery:cbes', phase: 'total' } as const;
  const readings = [
    { ...of, measurand: 'activepower', data: powerW },
    { ...of, measurand: 'stateofcharge', data: soc },
  ] as const;
  return input(timeUs, 'bess', measurement(timeUs, 'cbes', [...readings]));
}

function forecastInput(timeUs: number, loadW: readonly number[], generationW: readonly number[]): Input {
  const series = (component: string, powerW: readonly number[]) => ({
    component,
    activePowerW: [...powerW],
    activePowerSigmaW: powerW.map(() => 0),
  });
  const timestamp = formatInstant(timeUs);
  const message: Forecast = {
    schema: 'platone.forecast/1',
    issuer: 'forecasting',
    timestamp,
    start: timestamp,
    stepUs: QUARTER_S * 1e6,
    series: [series('site:load', loadW), series('site:generation', generationW)],
  };
  return input(timeUs, 'forecast', message);
}

function measurement(timeUs: number, device: string, readings: Measurement['readings']): Measurement {
  return { schema: 'platone.measurement/1', device, timestamp: formatInstant(timeUs), sequence: 0, readings };
}

function input(timeUs: number, kind: string, message: object): Input {
  return { topic: kind, kind, message, taggedUs: timeUs, late: false };
}

/** Microseconds of the near-real-time rule: median of rounds of 100,000 calls with changing inputs. */
function measureRule(rounds: number): void {
  const battery: BatteryModel = siteBattery(0, 1, 'island', stream(1));
  const random = stream(2);
  const nets = Array.from({ length: 1024 }, () => 400e3 * (random() - 0.5));
  const us: number[] = [];
  let soc = 0.5;
  for (let round = 0; round <= rounds; round += 1) {
    const { ms } = timed(() => {
      for (let call = 0; call < 100_000; call += 1) {
        soc = balanceStep(battery, soc, nets[call & 1023] ?? 0, 0, 10).stateOfCharge;
      }
    });
    if (round > 0) us.push(ms / 100);
  }
  const rule = median(us);
  console.log(
    `${'near-real-time rule'.padEnd(38)} ${rule.toFixed(3).padStart(6)} us  (${us.length} rounds of 100,000; target 20 us: ${rule <= 20 ? 'met' : 'MISSED'})  ends at ${soc.toFixed(6)}`,
  );
}

const option = process.argv.indexOf('--rounds');
const rounds = option < 0 ? 7 : Number(process.argv[option + 1]);
const [processor] = cpus();
console.log(
  `${processor?.model ?? 'unknown processor'}, ${cpus().length} cores, load average ${loadavg()[0]?.toFixed(1)}, Node ${process.version}; medians`,
);
const began = performance.now();
const optimiser = await loadOptimiser();
const loadedMs = performance.now() - began;
const first = timed(() => optimiser.plan(siteProblem('tariff', 1, STEPS_A_DAY, 99)));
line('load the solver', [loadedMs], '');
line('first plan after it, one battery', [first.ms], 'WebAssembly not optimised yet');
measurePlans(optimiser, 'island', 1, 96, rounds, 150);
measurePlans(optimiser, 'tariff', 1, 96, rounds, 150);
measurePlans(optimiser, 'island', 20, 96, rounds, 1000);
measurePlans(optimiser, 'tariff', 20, 96, rounds, 1000);
measurePlans(optimiser, 'island', 20, 672, Math.min(rounds, 3), 15_000);
measurePlans(optimiser, 'tariff', 20, 672, Math.min(rounds, 3), 15_000);
for (const kind of ['negative', 'burning', 'clash'] as const) {
  measurePlans(optimiser, kind, 1, 96, Math.min(rounds, 5), kind === 'clash' ? undefined : 150);
  measurePlans(optimiser, kind, 20, 96, Math.min(rounds, 3), kind === 'clash' ? undefined : 1000);
}
measurePlans(optimiser, 'negative', 20, 672, 1, 15_000);
await measureHorizon();
measureRule(rounds);
