/** Where CIM equipment is connected: terminals, and the nodes that become buses. */
import type { CimModel, CimObject } from './model.ts';

export interface End {
  readonly terminal: CimObject;
  /** Id of the bus. */
  readonly bus: string;
  /** False where the terminal is not connected. */
  readonly connected: boolean;
}

export interface Topology {
  /** The ends of a piece of equipment by the sequence number of their terminals. */
  ends(equipment: CimObject): readonly End[];
  /** The end of a terminal. */
  endOf(terminal: CimObject): End | undefined;
  /** Nominal line-to-line voltage of a bus, V; NaN for an unknown one. */
  nominalVoltageV(bus: string): number;
  /** Class of the nodes: topological where the files have them, otherwise the connectivity nodes with their switches. */
  readonly nodeClass: 'TopologicalNode' | 'ConnectivityNode';
}

export function createTopology(model: CimModel): Topology {
  const nodeClass = model.of('TopologicalNode').length > 0 ? 'TopologicalNode' : 'ConnectivityNode';
  const voltages = new Map(model.of(nodeClass).map((node) => [node.id, voltageOf(model, node)]));
  const ends = new Map<string, End | undefined>();
  const endOf = (terminal: CimObject): End | undefined => {
    if (!ends.has(terminal.id)) ends.set(terminal.id, readEnd(model, terminal, nodeClass));
    return ends.get(terminal.id);
  };
  return {
    nodeClass,
    nominalVoltageV: (bus) => voltages.get(bus) ?? Number.NaN,
    endOf,
    ends: (equipment) => {
      const order = (terminal: CimObject): number =>
        terminal.fields.optional('ACDCTerminal.sequenceNumber') ??
        terminal.fields.numberOr('Terminal.sequenceNumber', 1);
      return model
        .referring(equipment, 'Terminal.ConductingEquipment')
        .toSorted((a, b) => order(a) - order(b))
        .flatMap((terminal) => endOf(terminal) ?? []);
    },
  };
}

function readEnd(
  model: CimModel,
  terminal: CimObject,
  nodeClass: 'TopologicalNode' | 'ConnectivityNode',
): End | undefined {
  const direct = model.target(terminal, `Terminal.${nodeClass}`);
  // With topological nodes, a terminal may name its connectivity node only.
  const near = direct === undefined ? model.target(terminal, 'Terminal.ConnectivityNode') : undefined;
  const node = direct ?? (near === undefined ? undefined : model.target(near, 'ConnectivityNode.TopologicalNode'));
  const connected = terminal.fields.flag('ACDCTerminal.connected', terminal.fields.flag('Terminal.connected', true));
  if (node === undefined) {
    if (connected) {
      const hint = 'is the topology (TP) file of the model missing?';
      model.draft.fault(`Terminal "${terminal.id}" is connected to no ${nodeClass}`, terminal.origin, hint);
    }
    return undefined;
  }
  return { terminal, bus: node.id, connected };
}

/** By the node itself, or by the voltage level (of the bay) that it stands in. kV in CIM. */
function voltageOf(model: CimModel, node: CimObject): number {
  const own = model.target(node, `${node.className}.BaseVoltage`);
  const container = own === undefined ? model.target(node, `${node.className}.ConnectivityNodeContainer`) : undefined;
  const level = container?.className === 'Bay' ? model.target(container, 'Bay.VoltageLevel') : container;
  const base = own ?? (level === undefined ? undefined : model.target(level, 'VoltageLevel.BaseVoltage'));
  if (base === undefined) {
    const told =
      model.isMissing(node, `${node.className}.BaseVoltage`) ||
      (level !== undefined && model.isMissing(level, 'VoltageLevel.BaseVoltage'));
    if (!told) model.draft.fault(`${node.className} "${node.id}" has no base voltage`, node.origin);
    return Number.NaN;
  }
  const limits = { above: 0, atMost: 1500, hint: 'kilovolts: is it V for kV?' };
  return base.fields.number('BaseVoltage.nominalVoltage', limits) * 1000;
}
