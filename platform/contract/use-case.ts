/**
 * What the balancer says about the use case in force: at its start, in answer to every trigger, whenever a hold or a
 * package of energy begins or ends, and with every plan, or as often where none is made (`update`).
 */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

export const useCaseSchema = z.object({
  schema: z.literal('platone.use-case/1'),
  issuer: z.string().min(1),
  timestamp: instantSchema,
  sequence: z.int().nonnegative(),
  /** In force from now on: 0 is none, 1 to 4 are UC-DE-1 to 4. */
  useCase: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3), z.literal(4)]),
  cause: z.enum(['start', 'trigger', 'hold-begins', 'hold-ends', 'package-begins', 'package-ends', 'update']),
  /** Exchange with the grid that is held from now on, W, import positive; null where none is (use case 0). */
  targetW: z.number().nullable(),
  /** Exchange that the batteries could hold now, W, import positive; absent while net power or state of charge are unknown. */
  flexibility: z.object({ lowestW: z.number(), highestW: z.number() }).optional(),
  /** Present in answers. `reasons` says why not, or what will not be possible all the same. */
  answer: z
    .object({
      request: z.string(),
      useCase: z.int(),
      accepted: z.boolean(),
      reasons: z.array(z.string()),
    })
    .optional(),
});
export type UseCaseMessage = z.infer<typeof useCaseSchema>;
