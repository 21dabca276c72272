/** The physical world of a run: profiles and devices act on the grid, the power flow answers, and a twin of it shows what would be with every battery idle. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { ControllableDevice } from '../devices/device.ts';
import type { Profiles } from '../profiles/profiles.ts';
import type { FrequencyProcess } from './frequency.ts';
import { createPowerFlow, type PowerFlow } from './power-flow.ts';
import type { Truth } from './truth.ts';

export interface WorldOptions {
  readonly grid: CompiledGrid;
  readonly profiles: Profiles;
  readonly frequency: FrequencyProcess;
  /** Device that drives each battery of the grid document, by battery id; others stay idle. */
  readonly batteries: ReadonlyMap<string, ControllableDevice>;
}

export interface World {
  /** Moves everything over (fromUs, toUs]; `fromUs === toUs` gives the initial state. The answer is reused. */
  advance(fromUs: number, toUs: number): Truth;
  /** The same instant with every battery idle. */
  idle(): { readonly exchangeIdleW: number; readonly lossesIdleW: number; readonly shuntsIdleW: number };
}

export function createWorld(options: WorldOptions): World {
  const { grid, profiles, frequency } = options;
  const flow = createPowerFlow(grid);
  const idleFlow = flow.clone();
  idleFlow.powers.battery.fill(0);
  const drives = grid.document.batteries.map((battery) => options.batteries.get(battery.id));
  const truth = createTruth(grid, flow);
  const profilePowers = { loadPower: flow.powers.load, generatorPower: flow.powers.generator };

  return {
    advance(fromUs, toUs) {
      profiles.at(toUs, fromUs, profilePowers);
      for (const [index, device] of drives.entries()) {
        if (device !== undefined) setBattery(flow, index, device.advance(fromUs, toUs));
      }
      const result = flow.solve();
      const { from, to } = flow.branchCurrents();
      Object.assign(truth, frequency.at(toUs), flow.totals(), {
        timeUs: toUs,
        converged: result.converged,
        iterations: result.iterations,
        currentFrom: from,
        currentTo: to,
      });
      const actual = flow.actualPowers();
      truth.loadPower = actual.load;
      truth.generatorPower = actual.generator;
      truth.batteryPower = actual.battery;
      return truth;
    },
    idle() {
      if (drives.every((device) => device === undefined)) {
        return { exchangeIdleW: truth.exchangeW, lossesIdleW: truth.lossesW, shuntsIdleW: truth.shuntsW };
      }
      idleFlow.powers.load.set(flow.powers.load);
      idleFlow.powers.generator.set(flow.powers.generator);
      const { converged } = idleFlow.solve();
      const { exchangeW, lossesW, shuntsW } = idleFlow.totals();
      return converged
        ? { exchangeIdleW: exchangeW, lossesIdleW: lossesW, shuntsIdleW: shuntsW }
        : { exchangeIdleW: Number.NaN, lossesIdleW: Number.NaN, shuntsIdleW: Number.NaN };
    },
  };
}

type MutableTruth = { -readonly [Key in keyof Truth]: Truth[Key] };

function createTruth(grid: CompiledGrid, flow: PowerFlow): MutableTruth {
  const { from, to } = flow.branchCurrents();
  return {
    grid,
    timeUs: Number.NaN,
    frequencyHz: grid.document.frequencyHz,
    rocofHzPerS: 0,
    systemAngleRad: 0,
    converged: false,
    iterations: 0,
    voltage: flow.voltage,
    currentFrom: from,
    currentTo: to,
    loadPower: flow.powers.load,
    generatorPower: flow.powers.generator,
    batteryPower: flow.powers.battery,
    lossesW: 0,
    shuntsW: 0,
    exchangeW: 0,
    exchangeVar: 0,
  };
}

/**
 * A battery feeds its three phases alike, or the one phase or pair that it is connected to (AB stands at A); in a
 * positive-sequence grid the only phase carries a third.
 */
function setBattery(
  flow: PowerFlow,
  index: number,
  power: { readonly activePowerW: number; readonly reactivePowerVar: number },
): void {
  const { phases, document } = flow.grid;
  const { connection } = document.batteries[index]!;
  const three = phases === 1 || connection === 'wye' || connection === 'delta';
  const own = 'ABC'.indexOf(connection.charAt(0));
  for (let phase = 0; phase < phases; phase += 1) {
    const at = 2 * (index * phases + phase);
    const parts = three ? 3 : phase === own ? 1 : Infinity;
    flow.powers.battery[at] = power.activePowerW / parts;
    flow.powers.battery[at + 1] = power.reactivePowerVar / parts;
  }
}
