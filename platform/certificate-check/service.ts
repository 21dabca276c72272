/** The certificate check as a service: reads every measurement from the access layer, publishes repudiations. */
import { z } from 'zod';
import { keyRegisterSchema } from '../contract/certification.ts';
import type { Measurement } from '../contract/measurement.ts';
import { topics } from '../contract/topics.ts';
import { defineService, type Output } from '../service/definition.ts';
import { createCertificateChecker } from './check.ts';

export const certificateCheckConfigSchema = z.strictObject({
  site: z.string().min(1),
  /** The access layer's register of public keys. */
  keys: keyRegisterSchema,
  /** So many blocks on end of which messages came but no signature are put down to loss; one more is repudiated. */
  unsignedBlocksMax: z.int().nonnegative().default(2),
  /** PMUs that publish straight to the platform are uncertified; with this they are counted. */
  direct: z.boolean().default(false),
});

export const certificateCheck = defineService({
  name: 'certificate-check',
  summary: 'verifies the signatures of certified measurements and repudiates sources whose blocks are not genuine',
  configSchema: certificateCheckConfigSchema,
  checksCertificates: true,
  inputs: ({ site, direct }) => [
    topics.bridgedMeasurement(site, '+', '+'),
    ...(direct ? [topics.directPmu(site, '+')] : []),
  ],
  streams: ({ direct }) => (direct ? ['bal', 'direct'] : ['bal']),
  upstreams: () => [],
  create({ site, keys, unsignedBlocksMax }) {
    const checker = createCertificateChecker({ register: keys, unsignedBlocksMax });
    return {
      step({ timeUs, inputs }) {
        return inputs.flatMap(({ message, payload }): readonly Output[] =>
          checker
            .check(message as Measurement, timeUs, payload)
            .map((repudiation) => ({ topic: topics.repudiation(site, repudiation.device), message: repudiation })),
        );
      },
      metrics: () => checker.counts(),
    };
  },
});
