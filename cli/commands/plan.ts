/** `twin plan SCENARIO`: what a run would consist of, without running it. */
import { planMosquittoConf, planScenario, type RunPlan } from '../../sim/run/plan.ts';
import { formatDuration } from '../../reports/format.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

interface Values {
  readonly scenario: string;
  readonly set?: readonly string[];
  readonly 'print-mosquitto-conf'?: boolean;
  readonly databus: string;
  readonly bal: string;
}

export const command = defineCommand<Values>({
  positionals: { scenario: { type: 'string', describe: 'Scenario file (YAML)' } },
  options: {
    set: { type: 'string', array: true, nargs: 1, describe: 'Override path=value of the scenario; repeatable' },
    'print-mosquitto-conf': {
      type: 'boolean',
      describe: 'Print the bridge as a configuration for Mosquitto, nothing else',
    },
    databus: {
      type: 'string',
      default: 'embedded:1884',
      describe: 'Databus as in twin run, for --print-mosquitto-conf',
    },
    bal: {
      type: 'string',
      default: 'embedded:1885',
      describe: 'Access layer as in twin run, for --print-mosquitto-conf',
    },
  },
  examples: [
    { line: 'twin plan scenarios/germany/uc1-virtual-islanding.yaml', does: 'Devices, services, traffic' },
    { line: 'twin plan day.yaml --print-mosquitto-conf > bridge.conf', does: 'A real Mosquitto as the bridge' },
  ],
  async run(values, { terminal }) {
    const { scenario: scenarioFile, set = [], databus, bal } = values;
    const plan = await planScenario({ scenarioFile, set, databus, bal, service: {} });
    if (values['print-mosquitto-conf'] === true) terminal.print(planMosquittoConf(plan));
    else printPlan(plan, terminal);
    return exitCodes.pass.code;
  },
});

function printPlan(plan: RunPlan, terminal: Terminal): void {
  const { devices, services, traffic, instants, stepUs } = plan;
  const heading = (text: string) => terminal.print(`\n${terminal.paint('bold', text)}`);
  terminal.print(terminal.paint('bold', plan.name));
  terminal.print(`${instants} instants, ${formatDuration(stepUs)} apart; class ${plan.class}, seed ${plan.seed}`);

  heading('Devices');
  const total = devices.reduce((sum, { count }) => sum + count, 0);
  const rows = devices.map(({ kind, count, everyUs, route }) => [
    String(count),
    kind,
    `every ${formatDuration(everyUs)}`,
    route,
  ]);
  printColumns([...rows, [String(total), 'in all', '', '']], terminal);

  heading('Streams');
  terminal.print(`  ${plan.roads.join(', ')}`);

  heading('Services, in the order in which an instant passes');
  for (const { name, mode, inputs, streams, upstreams } of services) {
    terminal.print(`  ${terminal.paint('bold', name)} (${mode})`);
    const waits = [
      ...streams.map((stream) => `tick of ${stream}`),
      ...upstreams.map((upstream) => `progress of ${upstream}`),
    ];
    terminal.print(`      waits for  ${waits.join(', ') || 'nothing'}`);
    terminal.print(`      reads      ${inputs.join(', ') || 'nothing'}`);
  }

  heading('Messages of the run (estimate)');
  const audited = traffic.filter(({ hops }) => hops.length > 0);
  const counts = audited.map(({ kind, perInstant, inRun, hops }) => [
    kind,
    `at most ${perInstant} an instant`,
    `${inRun} in all`,
    `x ${hops.length} hops`,
    `= ${inRun * hops.length}`,
  ]);
  const published = audited.reduce((sum, { inRun, hops }) => sum + inRun * hops.length, 0);
  printColumns([...counts, ['in all', '', '', '', `= ${published}`]], terminal);
  const others = traffic.filter(({ hops }) => hops.length === 0).map(({ kind, inRun }) => `${inRun} of ${kind}`);
  terminal.print('  The last column is what a run calls published: there a message counts once on');
  terminal.print('  each hop, from its sender to a broker, over the bridge, to every service that');
  terminal.print('  reads it. What the balancer says of plans and use cases comes on top.');
  terminal.print(`  Not counted there: ${others.join(', ')}.`);

  heading('Bridge');
  for (const line of plan.bridgeTopics.length === 0 ? ['none'] : plan.bridgeTopics) terminal.print(`  ${line}`);
}

function printColumns(rows: readonly (readonly string[])[], terminal: Terminal): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    terminal.print(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
  }
}
