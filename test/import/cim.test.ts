/** CIM/CGMES models: a hamlet of our own against its solved state, profiles that are missing, hostile XML. */
import { describe, expect, test } from 'vitest';
import { describeNote } from '../../grids/import/imported-grid.ts';
import { importGrid, readGridFiles } from '../../grids/import/read-grid-files.ts';
import { faultsOf, samplePath, sampleText } from './samples.ts';
import { worstVoltage } from './solve.ts';

const profiles = ['EQ', 'SSH', 'SV', 'TP'] as const;
type Profile = (typeof profiles)[number];
const texts = Object.fromEntries(
  profiles.map((profile) => [profile, sampleText(`hamlet.cim/hamlet_${profile}.xml`)]),
) as Record<Profile, string>;

/** The model with some files left out or changed. */
function read(change: Partial<Record<Profile, string | null>> = {}) {
  const files = profiles.flatMap((profile) => {
    const text = change[profile] === undefined ? texts[profile] : change[profile];
    return text === null ? [] : [{ name: `${profile}.xml`, text }];
  });
  return importGrid(files);
}

/** Voltages of the SV file, per unit of 110 and 20 kV. */
const solved = [...texts.SV.matchAll(/SvVoltage\.v>(.*?)<[^]*?angle>(.*?)<[^]*?resource="#(.*?)"/g)].map(
  ([, v, angle, id]) => ({ id: id!, vmPu: Number(v) / (id === '_grid' ? 110 : 20), vaDeg: Number(angle) }),
);

describe('the hamlet', () => {
  test('has the solved voltages of its state variables', () => {
    const { grid, notes } = readGridFiles(samplePath('hamlet.cim'));
    expect(solved).toHaveLength(5);
    const { error, bus } = worstVoltage(grid, solved);
    expect(error, bus).toBeLessThan(1e-9);
    expect(notes.map((note) => describeNote(note))).toEqual([
      'the solved angles leave the clock number out: the phase shift is taken back to match them (_trafo)',
    ]);
  });

  test('keeps the clock number where no state variables speak against it', () => {
    const { grid } = read({ SV: null });
    expect(grid.transformers[0]).toMatchObject({ vectorGroup: 'YNd5', extraShiftDeg: 0 });
    const turned = solved.map((bus) => ({ ...bus, vaDeg: bus.vaDeg - (bus.id === '_grid' ? 0 : 150) }));
    // The reference holds its target voltage, which is the solved one.
    expect(worstVoltage(grid, turned).error).toBeLessThan(1e-9);
  });

  test('is the same in one file, in any order, and by other prefixes', () => {
    const { grid } = read();
    const body = (text: string) => text.slice(text.indexOf('<md:FullModel'), text.indexOf('</rdf:RDF>'));
    const head = texts.EQ.slice(0, texts.EQ.indexOf('<md:FullModel'));
    const one = `${head}${[texts.TP, texts.SV, texts.SSH, texts.EQ].map(body).join('')}</rdf:RDF>`;
    const joined = importGrid([{ name: 'EQ.xml', text: one }]).grid;
    expect(joined.buses.map(({ id }) => id)).toEqual(grid.buses.map(({ id }) => id));
    expect(joined.lines).toEqual(grid.lines);
    expect(joined.transformers).toEqual(grid.transformers);
    const prefixed = one.replaceAll('cim:', 'iec:').replaceAll('rdf:', 'r:').replace('xmlns:rdf', 'xmlns:r');
    expect(importGrid([{ name: 'EQ.xml', text: prefixed }]).grid).toEqual(joined);
  });

  test('has lines by length, open ends, taps and sections in force', () => {
    const { grid } = read();
    expect(grid.lines[0]).toMatchObject({ id: '_line-1', from: '_busbar', to: '_village', lengthM: 6200 });
    expect(grid.lines[0]!.r1OhmPerKm).toBeCloseTo(0.99 / 6.2, 12);
    expect(grid.lines[0]!.c1FPerKm * 6.2 * 100 * Math.PI).toBeCloseTo(5.2e-4, 15);
    expect(grid.lines[2]).toMatchObject({ fromClosed: true, toClosed: false });
    expect(grid.transformers[0]!.tap).toMatchObject({ side: 'from', position: -3, neutral: 0, stepPercent: 1.5 });
    expect(grid.shunts[0]).toMatchObject({ bus: '_busbar', b1S: 0.002 });
    expect(grid.switches).toEqual([{ id: '_coupler', from: '_busbar', to: '_feeder', closed: true }]);
    // RotatingMachine.p is -1.4 MW into the machine.
    expect(grid.generators[0]).toMatchObject({ activePowerW: 1.4e6, voltageControl: { enforceLimits: false } });
    expect(grid.loads.map(({ activePowerW }) => activePowerW)).toEqual([2.4e6, 1.1e6]);
  });

  test('without a TP file the connectivity nodes are the buses', () => {
    const nodes = ['grid', 'busbar', 'feeder', 'village', 'mill'];
    const level = (node: string) => (node === 'grid' ? 'vl110' : 'vl20');
    const connectivity = nodes
      .map(
        (node) =>
          `<cim:ConnectivityNode rdf:ID="_${node}"><cim:ConnectivityNode.ConnectivityNodeContainer rdf:resource="#_${level(node)}"/></cim:ConnectivityNode>`,
      )
      .join('');
    const terminals = texts.TP.slice(texts.TP.indexOf('<cim:Terminal'), texts.TP.indexOf('</rdf:RDF>'));
    const added = connectivity + terminals.replaceAll('Terminal.TopologicalNode', 'Terminal.ConnectivityNode');
    const { grid } = read({ TP: null, SV: null, EQ: texts.EQ.replace('</rdf:RDF>', `${added}</rdf:RDF>`) });
    expect(grid.lines).toEqual(read({ SV: null }).grid.lines);
    expect(
      worstVoltage(
        grid,
        solved.filter(({ id }) => id === '_grid'),
      ).error,
    ).toBeLessThan(1e-9);
  });
});

const bomb = `<!DOCTYPE rdf:RDF [ <!ENTITY a "aaaaaaaaaa"> ${Array.from(
  { length: 9 },
  (_, i) => `<!ENTITY ${'bcdefghij'.charAt(i)} "${`&${'abcdefghi'.charAt(i)};`.repeat(10)}">`,
).join(' ')} ]>`;

describe('faults', () => {
  test.each<[string, Partial<Record<Profile, string | null>>, RegExp]>([
    ['no equipment', { EQ: null }, /^SSH\.xml: there is no equipment \(EQ\) in what was named/],
    ['no topology', { TP: null, SV: null }, /there are no nodes: a topology \(TP\) file, or connectivity nodes/],
    ['a truncated file', { EQ: texts.EQ.slice(0, 9000) }, /^EQ\.xml:\d+:\d+: is not sound XML: unclosed tag/],
    [
      'an entity bomb',
      { EQ: texts.EQ.replace('<rdf:RDF', `${bomb}<rdf:RDF`) },
      /^EQ\.xml:\d+:\d+: has a document type declaration: entities are refused$/,
    ],
    [
      'an entity of nobody',
      { EQ: texts.EQ.replace('>hamlet<', '>&lol;<') },
      /^EQ\.xml:\d+:\d+: is not sound XML: undefined entity/,
    ],
    ['nesting', { EQ: texts.EQ.replace('>hamlet<', `>${'<x>'.repeat(50_000)}<`) }, /is nested deeper than 20 levels/],
    [
      'a name defined twice',
      { EQ: texts.EQ.replace('rdf:ID="_line-2"', 'rdf:ID="_line-1"') },
      /EQ\.xml:\d+:\d+: _line-1: ACLineSegment "_line-1" is defined twice, before at EQ\.xml:\d+/,
    ],
    [
      'a reference to nothing',
      {
        EQ: texts.EQ.replace(
          'ConductingEquipment rdf:resource="#_houses"',
          'ConductingEquipment rdf:resource="#_homes"',
        ),
      },
      /refers to "_homes", which stands in none of the files \(is a file of the model missing/,
    ],
    [
      'a comma for a point',
      { EQ: texts.EQ.replace('ACLineSegment.r>0.99<', 'ACLineSegment.r>0,99<') },
      /^EQ\.xml:\d+:\d+: _line-1\.ACLineSegment\.r: ACLineSegment\.r of ACLineSegment "_line-1" is no finite number, found "0,99"/,
    ],
    [
      'a line of no length',
      { EQ: texts.EQ.replace('Conductor.length>6.2<', 'Conductor.length>0<') },
      /Conductor\.length of ACLineSegment "_line-1" must be above 0, found 0/,
    ],
    [
      'no impedance',
      {
        EQ: texts.EQ.replace('ACLineSegment.r>0.99<', 'ACLineSegment.r>0<').replace(
          'ACLineSegment.x>0.74<',
          'ACLineSegment.x>0<',
        ),
      },
      /line "_line-1" has no series impedance/,
    ],
    [
      'V for kV',
      { EQ: texts.EQ.replace('nominalVoltage>20<', 'nominalVoltage>20000<') },
      /BaseVoltage\.nominalVoltage of BaseVoltage "_bv20" must be at most 1500, found 20000/,
    ],
    [
      'an unknown winding',
      { EQ: texts.EQ.replace('WindingConnection.Yn', 'WindingConnection.Q') },
      /"Q" is no connection of a winding that is known/,
    ],
    [
      'a clock that is no number',
      { EQ: texts.EQ.replace('phaseAngleClock>5<', 'phaseAngleClock>NaN<') },
      /phaseAngleClock of PowerTransformerEnd "_end2" is no finite number, found "NaN"/,
    ],
    [
      'W for MW',
      { SSH: texts.SSH.replace('EnergyConsumer.p>2.4<', 'EnergyConsumer.p>2400000<') },
      /^SSH\.xml:\d+:\d+: _houses\.EnergyConsumer\.p: .*\(MW and Mvar: is it W or kW\?\)/,
    ],
    [
      'a transformer of one end',
      { EQ: texts.EQ.replace(/<cim:PowerTransformerEnd rdf:ID="_end2">[^]*?<\/cim:PowerTransformerEnd>/, '') },
      /PowerTransformer "_trafo" has 1 ends instead of 2 or 3/,
    ],
    ['another root', { EQ: '<rdf:html xmlns:rdf="x"><RDF /></rdf:html>' }, /is no CIM: its root is <rdf:html>/],
  ])('%s', (_, change, message) => {
    expect(faultsOf(() => read(change)).join('\n')).toMatch(message);
  });

  test('what is missing is told once, however many refer to it', () => {
    const EQ = texts.EQ.replace(/<cim:BaseVoltage rdf:ID="_bv20">[^]*?<\/cim:BaseVoltage>/, '');
    const faults = faultsOf(() => read({ EQ }));
    expect(faults.filter((fault) => fault.includes('"_bv20"'))).toHaveLength(1);
    expect(faults[0]).toContain('for example the boundary set?');
  });
});
