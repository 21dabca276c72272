/** Messages and light nodes for the tests of this folder. */
import { createLightNode, type LightNode, type LightNodeOptions } from '../../sim/access-layer/light-node.ts';
import type { Certification } from '../../platform/contract/certification.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';

export function measurement(sequence: number, device = 'meter-1', value = 230 + sequence / 7): Measurement {
  return {
    schema: 'platone.measurement/1',
    device,
    timestamp: formatInstant(1_617_228_000_000_000 + sequence * 900_000_000),
    sequence,
    readings: [{ component: 'bus:house-1', measurand: 'voltmagnitude', phase: 'A', data: value, sigma: 0.5 }],
    quality: { valid: true },
  };
}

export function lightNode(options: Partial<LightNodeOptions> = {}): LightNode {
  return createLightNode({
    seed: 'test',
    site: 'germany',
    kind: 'smart-meter',
    device: 'meter-1',
    blockLength: 4,
    ...options,
  });
}

export type Certified = Measurement & { certification: Certification };

/** The first `count` messages of a node, as they look after a trip over the wire. */
export function certified(count: number, node = lightNode()): Certified[] {
  return Array.from({ length: count }, (_, sequence) =>
    overTheWire(node.seal(measurement(sequence, node.device)).message),
  );
}

export function overTheWire(message: Measurement): Certified {
  return JSON.parse(JSON.stringify(message)) as Certified;
}
