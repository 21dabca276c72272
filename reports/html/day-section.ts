/** The site over time: load, generation and exchange before and after. */
import { formatNumber, formatQuantity } from '../format.ts';
import { lastForecasts } from '../forecast-metrics.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { renderChart, type Line } from './chart.ts';
import { renderAbsence, renderSection, renderTable, type Cell } from './markup.ts';

const kilo = (values: Float64Array) => values.map((value) => value / 1000);

/** Powers stand for the interval that ends at their instant, so they are drawn in its middle, like forecasts. */
function midpoints(timeUs: Float64Array): Float64Array {
  return timeUs.map((time, k) => (k === 0 ? time : (time + (timeUs[k - 1] ?? time)) / 2));
}

export function renderDay(record: RunRecord, score: Score, offsetUs: number): string {
  const { site } = score.details;
  const clock = { kind: 'clock', offsetUs } as const;
  const middle = midpoints(site.timeUs);
  const ends = Array.from(site.timeUs.slice(-1));
  const body =
    site.timeUs.length < 2
      ? renderAbsence('The record holds no site series.')
      : [
          renderChart({
            title: 'Load and generation',
            caption:
              'Power of all loads and all generators of the site; dashed, where there is one, the last forecast issued before each step.',
            x: clock,
            includeX: ends,
            yLabel: 'kW',
            include: [0],
            half: true,
            lines: [
              { label: 'load', colour: '--load', x: middle, y: kilo(site.loadW), filled: true },
              { label: 'generation', colour: '--pv', x: middle, y: kilo(site.generationW), filled: true },
              ...forecastLine(record, 'site:load', 'load forecast', '--load'),
              ...forecastLine(record, 'site:generation', 'generation forecast', '--pv'),
            ],
          }),
          renderChart({
            title: 'Exchange with the grid',
            caption:
              'At the medium-voltage side of the transformer, import positive, against the same day with an idle battery.',
            x: clock,
            includeX: ends,
            yLabel: 'kW',
            include: [0],
            half: true,
            lines: [
              { label: 'battery idle', colour: '--before', x: middle, y: kilo(site.exchangeIdleW) },
              { label: 'as run', colour: '--after', x: middle, y: kilo(site.exchangeW) },
            ],
          }),
          ...temperatureChart(record, offsetUs),
        ].join('');
  return renderSection({
    id: 'day',
    title: 'The site over time',
    lead: 'True values of the emulated site: what the loads took, what the generators gave, and what the platform made of it.',
    body: `<div class="pair">${body}</div>`,
  });
}

function forecastLine({ tables }: RunRecord, component: string, label: string, colour: string): readonly Line[] {
  const end = tables['truth-site'].number('timeUs').at(-1) ?? 0;
  const steps = lastForecasts(tables.forecasts, component).filter(({ endUs }) => endUs <= end);
  if (steps.length === 0) return [];
  const x = steps.map(({ startUs, endUs }) => (startUs + endUs) / 2);
  return [{ label, colour, x, y: steps.map(({ powerW }) => powerW / 1000), dashed: true }];
}

/** A temperature that stays where it is has nothing to show, K. */
const SHOWN_FROM_K = 1;

/** Where the scenario gives the site a weather: the true temperature of the air, and what a station made of it. */
function temperatureChart({ tables }: RunRecord, offsetUs: number): readonly string[] {
  const truth = tables['truth-weather'];
  const [timeUs, airC] = [truth.number('timeUs'), truth.number('airTemperatureC')];
  const { measurements } = tables;
  const [measuredUs, values, measurand] = [
    measurements.number('timeUs'),
    measurements.number('value'),
    measurements.text('measurand'),
  ];
  const air = measurand.names.indexOf('airtemperature');
  const rows = air < 0 ? [] : [...measurand.index.keys()].filter((row) => measurand.index[row] === air);
  const pick = (column: Float64Array) => rows.map((row) => column[row] as number);
  const rangeK =
    airC.reduce((most, c) => Math.max(most, c), -Infinity) - airC.reduce((low, c) => Math.min(low, c), Infinity);
  if (rows.length === 0 && !(rangeK >= SHOWN_FROM_K)) return [];
  return [
    renderChart({
      title: 'Air temperature',
      caption:
        'Mean of the interval that ends at each point, at the site; dots, where there is a weather station, what it reported.',
      x: { kind: 'clock', offsetUs },
      yLabel: '°C',
      half: true,
      lines: [
        { label: 'air', colour: '--after', x: timeUs, y: airC },
        ...(rows.length === 0
          ? []
          : [{ label: 'weather station', colour: '--before', x: pick(measuredUs), y: pick(values), dots: true }]),
      ],
    }),
  ];
}

/** The energy account of site and batteries; both columns must close. */
export function renderBalance(score: Score): string {
  const { kpis, metrics } = score;
  const value = (name: string) => (kpis[name] === undefined ? '–' : formatNumber(kpis[name].value));
  const rows: readonly (readonly Cell[])[] = [
    ['Consumed by loads', value('loadEnergy'), value('loadEnergy')],
    ...(kpis['shuntsEnergy'] === undefined
      ? []
      : [['Consumed by shunts', value('shuntsEnergyBefore'), value('shuntsEnergy')]]),
    ['Generated', value('generationEnergy'), value('generationEnergy')],
    ['Imported', value('importedEnergyBefore'), value('importedEnergy')],
    ['Exported', value('exportedEnergyBefore'), value('exportedEnergy')],
    ['Losses of the grid', value('lossesEnergyBefore'), value('lossesEnergy')],
    ['Charged into batteries', '0', value('batteryCharged')],
    ['Discharged from batteries', '0', value('batteryDischarged')],
    ['Losses of batteries', '–', value('batteryLosses')],
    ['Energy left in batteries', '–', value('batteryEnergyLeft')],
    ['Imported, without losses', value('importWithoutLossesBefore'), value('importWithoutLosses')],
    ['Exported, without losses', value('exportWithoutLossesBefore'), value('exportWithoutLosses')],
  ];
  const soc = metrics['battery.soc'];
  const charge =
    soc?.min === undefined || soc.max === undefined
      ? 'No battery took part.'
      : `State of charge between ${formatNumber(soc.min)} % and ${formatNumber(soc.max)} %.`;
  const largest = (name: string) => {
    const one = metrics[name];
    return one?.max === undefined ? 'not recorded' : formatQuantity(one.max, one.unit);
  };
  const closing = `${charge} Largest residual of the site's power balance: ${largest('site.powerBalance.error')}; of a battery's energy balance in one step: ${largest('battery.energyBalance.error')}.`;
  return renderSection({
    id: 'balance',
    title: 'Energy and charge balance',
    lead: 'Where the energy went. Loads, shunts, losses, generation, batteries and exchange must add up at every instant.',
    body: `${renderTable('Energy in kWh', [{ head: 'Flow' }, { head: 'Battery idle', numeric: true }, { head: 'As run', numeric: true }], rows)}<p>${closing}</p>`,
  });
}
