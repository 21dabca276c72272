/** Sorts the platform's messages into the tables of `platform/contract/history.ts`: pure, in memory, in order of arrival. */
import type { Estimate } from '../contract/estimate.ts';
import type { Forecast } from '../contract/forecast.ts';
import { historyTables } from '../contract/history.ts';
import type { Measurement } from '../contract/measurement.ts';
import type { Plan } from '../contract/plan.ts';
import type { Setpoint } from '../contract/setpoint.ts';
import { parseInstant } from '../contract/time.ts';
import type { Trigger } from '../contract/trigger.ts';
import type { UseCaseMessage } from '../contract/use-case.ts';
import type { Input } from '../service/definition.ts';
import { createTable, type Table } from './table.ts';

type TableName = keyof typeof historyTables;

export interface History {
  readonly tables: Readonly<Record<TableName, Table>>;
  /** Keeps a message. Kinds that no table is for (repudiations) are left alone. */
  add(input: Input): void;
}

export function createHistory(): History {
  const tables = {
    measurements: createTable(historyTables.measurements),
    'estimate-runs': createTable(historyTables['estimate-runs']),
    estimates: createTable(historyTables.estimates),
    setpoints: createTable(historyTables.setpoints),
    acknowledgements: createTable(historyTables.acknowledgements),
    triggers: createTable(historyTables.triggers),
    'use-cases': createTable(historyTables['use-cases']),
    plans: createTable(historyTables.plans),
    'plan-batteries': createTable(historyTables['plan-batteries']),
    'plan-windows': createTable(historyTables['plan-windows']),
    'plan-runs': createTable(historyTables['plan-runs']),
    forecasts: createTable(historyTables.forecasts),
  };
  return {
    tables,
    add(input) {
      switch (input.kind) {
        case 'estimate':
          addEstimate(tables['estimate-runs'], tables.estimates, input);
          break;
        case 'setpoint':
          addSetpoint(tables.setpoints, input);
          break;
        case 'forecast':
          addForecast(tables.forecasts, input);
          break;
        case 'plan':
          addPlan(tables, input);
          break;
        case 'use-case':
          addUseCase(tables['use-cases'], input);
          break;
        case 'trigger':
          addTrigger(tables.triggers, input);
          break;
        case 'repudiation':
          break;
        default:
          addMeasurement(tables.measurements, tables.acknowledgements, input);
      }
    },
  };
}

function addMeasurement(table: Table, acknowledgements: Table, { message, kind, taggedUs }: Input): void {
  const { device, readings, command } = message as Measurement;
  for (const { component, measurand, phase, data } of readings) {
    table.push(taggedUs, kind, device, component, measurand, phase, data);
  }
  if (command === undefined) return;
  const { timestamp, sequence, activePowerW, status } = command;
  acknowledgements.push(taggedUs, device, parseInstant(timestamp), sequence, activePowerW, status);
}

/** Numbers that an estimate leaves out are NaN, absent degrees of freedom -1, absent lists empty ones. */
function addEstimate(runs: Table, states: Table, { message, taggedUs }: Input): void {
  const estimate = message as Estimate;
  runs.push(
    taggedUs,
    estimate.estimator,
    estimate.interval === undefined ? taggedUs : parseInstant(estimate.interval.start),
    estimate.status,
    estimate.iterations,
    estimate.objective ?? Number.NaN,
    estimate.degreesOfFreedom ?? -1,
    estimate.chiSquareLimit ?? Number.NaN,
    JSON.stringify(estimate.inventory),
    JSON.stringify(estimate.suspects ?? []),
    estimate.modelFindings === undefined ? '' : JSON.stringify(estimate.modelFindings),
  );
  for (const bus of estimate.buses) {
    for (let index = 0; index < bus.voltageMagnitudeV.length; index++) {
      states.push(
        taggedUs,
        estimate.estimator,
        bus.id,
        phaseName(index, bus.voltageMagnitudeV.length),
        bus.voltageMagnitudeV[index] ?? Number.NaN,
        bus.voltageAngleRad[index] ?? Number.NaN,
        bus.voltageMagnitudeSigmaV[index] ?? Number.NaN,
        bus.voltageAngleSigmaRad[index] ?? Number.NaN,
      );
    }
  }
}

function phaseName(index: number, phases: number): string {
  return phases === 1 ? 'positive' : (['A', 'B', 'C'][index] ?? String(index));
}

function addSetpoint(table: Table, { message, taggedUs }: Input): void {
  const { device, activePowerW, issuer } = message as Setpoint;
  table.push(taggedUs, device, activePowerW, issuer);
}

function addForecast(table: Table, { message, taggedUs }: Input): void {
  const forecast = message as Forecast;
  const startUs = parseInstant(forecast.start);
  for (const { component, activePowerW, activePowerSigmaW, quantiles } of forecast.series) {
    const low = quantiles?.find(({ probability }) => probability === 0.1)?.activePowerW;
    const high = quantiles?.find(({ probability }) => probability === 0.9)?.activePowerW;
    for (const [step, power] of activePowerW.entries()) {
      // `timeUs` is the end of the step that the mean stands for, like every other interval value in the record.
      const endUs = startUs + (step + 1) * forecast.stepUs;
      const sigmaW = activePowerSigmaW[step] ?? Number.NaN;
      table.push(taggedUs, endUs, component, power, sigmaW, low?.[step] ?? Number.NaN, high?.[step] ?? Number.NaN);
    }
  }
}

function addTrigger(table: Table, { message, taggedUs }: Input): void {
  const { schema: _schema, timestamp: _timestamp, issuer, request, useCase, ...parameters } = message as Trigger;
  table.push(taggedUs, issuer, request, useCase, JSON.stringify(parameters));
}

/** Numbers that a use-case message leaves out are NaN; only answers are accepted or not. */
function addUseCase(table: Table, { message, taggedUs }: Input): void {
  const { useCase, cause, targetW, flexibility, answer } = message as UseCaseMessage;
  table.push(
    taggedUs,
    useCase,
    cause,
    targetW ?? Number.NaN,
    flexibility?.lowestW ?? Number.NaN,
    flexibility?.highestW ?? Number.NaN,
    answer?.request ?? '',
    answer?.accepted ?? false,
    answer?.reasons.join('; ') ?? '',
  );
}

function addPlan(tables: History['tables'], { message, taggedUs }: Input): void {
  const plan = message as Plan;
  const startUs = parseInstant(plan.start);
  const endUs = (step: number) => startUs + (step + 1) * plan.stepUs;
  tables['plan-runs'].push(taggedUs, plan.useCase, plan.method, plan.status, plan.clashes.join('; '));
  for (const [step, exchangeW] of plan.exchangeW.entries()) {
    const [loadW, generationW] = [plan.loadW[step] ?? Number.NaN, plan.generationW[step] ?? Number.NaN];
    tables.plans.push(taggedUs, endUs(step), plan.useCase, loadW, generationW, exchangeW);
  }
  for (const { device, activePowerW, stateOfCharge } of plan.batteries) {
    for (const [step, power] of activePowerW.entries()) {
      tables['plan-batteries'].push(taggedUs, endUs(step), device, power, stateOfCharge[step] ?? Number.NaN);
    }
  }
  for (const { kind, start, end, exchangeW } of plan.windows) {
    tables['plan-windows'].push(taggedUs, kind, parseInstant(start), parseInstant(end), exchangeW);
  }
}
