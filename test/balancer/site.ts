/** A site around the balancer service, for tests that speak its messages: what it hears, what it sends, and a battery. */
import { balancer } from '../../platform/balancer/service.ts';
import type { Forecast } from '../../platform/contract/forecast.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { planSchema, type Plan } from '../../platform/contract/plan.ts';
import { setpointSchema } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { triggerSchema, type UseCaseWish } from '../../platform/contract/trigger.ts';
import { useCaseSchema, type UseCaseMessage } from '../../platform/contract/use-case.ts';
import type { Input } from '../../platform/service/definition.ts';

export const PERIOD_US = 10e6;
export const QUARTER_US = 900e6;
const START_US = 1.6e15;
/** Instant of the k-th period. */
export const at = (k: number) => START_US + k * PERIOD_US;

/** A battery that does what it was told a period ago, behind a breaker; the load is what the test says. */
export function createSite(options: object = {}, soc = 0.5) {
  const config = balancer.configSchema.parse({
    mode: 'near-real-time',
    site: 's',
    breaker: { device: 'pmu', component: 'branch:t:to', importSign: -1 },
    battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
    ...options,
  });
  const core = balancer.create(config);
  let batteryW = 0;
  let charge = soc;
  let sequence = 0;
  return {
    core,
    /** One period: what it sent to each device, and what it said. */
    play(k: number, netW: number | undefined, extra: readonly Input[] = []) {
      charge -= ((batteryW / 800e3) * PERIOD_US) / 3600e6;
      const inputs = [
        ...(netW === undefined ? [] : [powerMessage(at(k), netW - batteryW)]),
        bessMessage('cbes', at(k), batteryW, charge),
        ...extra,
      ];
      const outputs = core.step({ timeUs: at(k), sequence: (sequence += 1), inputs, final: false });
      const of = (prefix: string) =>
        outputs.filter(({ topic }) => topic.startsWith(prefix)).map(({ message }) => message);
      const setpoints = of('setpoint/').map((message) => setpointSchema.parse(message));
      const own = setpoints.find(({ device }) => device === 'cbes');
      batteryW = own?.activePowerW ?? 0;
      return {
        setpoint: own?.activePowerW,
        setpoints,
        plans: of('dsotp/plan/').map((message): Plan => planSchema.parse(message)),
        said: of('dsotp/use-case/').map((message): UseCaseMessage => useCaseSchema.parse(message)),
      };
    },
  };
}

export function powerMessage(timeUs: number, importW: number): Input {
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device: 'pmu',
    timestamp: formatInstant(timeUs),
    sequence: 0,
    readings: [{ component: 'branch:t:to', measurand: 'activepower', phase: 'total', data: -importW }],
  };
  return { topic: 'dsotp/power/s/pmu', kind: 'power', message, taggedUs: timeUs, late: false };
}

export function bessMessage(device: string, timeUs: number, powerW: number, soc: number): Input {
  const component = `battery:${device}`;
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device,
    timestamp: formatInstant(timeUs),
    sequence: 0,
    readings: [
      { component, measurand: 'activepower', phase: 'total', data: powerW },
      { component, measurand: 'stateofcharge', phase: 'total', data: soc },
    ],
  };
  return { topic: `/bal/s/bess/${device}`, kind: 'bess', message, taggedUs: timeUs, late: false };
}

/** For the day from the quarter hour on that holds `issuedUs`: steady powers, or as many steps as are given. */
export function forecast(
  issuedUs: number,
  loadW: number | readonly number[],
  generationW: number | readonly number[],
): Input {
  const series = (component: string, power: number | readonly number[]) => {
    const activePowerW = typeof power === 'number' ? Array<number>(96).fill(power) : [...power];
    return { component, activePowerW, activePowerSigmaW: activePowerW.map(() => 0) };
  };
  const message: Forecast = {
    schema: 'platone.forecast/1',
    issuer: 'forecasting',
    timestamp: formatInstant(issuedUs),
    start: formatInstant(Math.floor(issuedUs / QUARTER_US) * QUARTER_US),
    stepUs: QUARTER_US,
    series: [series('site:load', loadW), series('site:generation', generationW)],
  };
  return { topic: 'dsotp/forecast/s/forecasting', kind: 'forecast', message, taggedUs: issuedUs, late: false };
}

export function trigger(k: number, request: string, wish: UseCaseWish): Input {
  const head = { schema: 'platone.trigger/1', timestamp: formatInstant(at(k)), issuer: 'test', request } as const;
  const message = triggerSchema.parse({ ...head, ...wish });
  return { topic: 'dsotp/trigger/s/balancer', kind: 'trigger', message, taggedUs: at(k), late: false };
}
