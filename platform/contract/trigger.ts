/**
 * A trigger starts, changes or ends a use case of the German demo site (I-01 of its use cases): an operator's or a third
 * party's wish, which the balancer answers with a use-case message (`use-case.ts`).
 */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

/** A package of energy: bought in UC-DE-3, sold in UC-DE-4. */
export const packageSlotSchema = z.strictObject({
  /** Earliest start. */
  start: instantSchema,
  /** Longest duration. */
  durationUs: z.int().positive(),
  /** Power through the grid connection, positive in both use cases: imported in UC-DE-3, exported in UC-DE-4. */
  powerW: z.number().positive(),
});
export type PackageSlot = z.infer<typeof packageSlotSchema>;

const slots = z.array(packageSlotSchema).min(1);

/** A use case with its parameters, by what: `useCase` as in the demo, 0 stops, 1 to 4 apply UC-DE-1 to 4. */
const wishes = {
  none: { useCase: z.literal(0) },
  island: { useCase: z.literal(1) },
  hold: {
    useCase: z.literal(2),
    /** Exchange with the grid to hold, W, import positive. */
    targetW: z.number(),
    durationUs: z.int().positive(),
    /** At once when absent. */
    start: instantSchema.optional(),
  },
  delivery: { useCase: z.literal(3), slots },
  export: { useCase: z.literal(4), slots },
} as const;

export const useCaseWishSchema = z.discriminatedUnion('useCase', [
  z.strictObject(wishes.none),
  z.strictObject(wishes.island),
  z.strictObject(wishes.hold),
  z.strictObject(wishes.delivery),
  z.strictObject(wishes.export),
]);
export type UseCaseWish = z.infer<typeof useCaseWishSchema>;
export type UseCaseNumber = UseCaseWish['useCase'];

const head = {
  schema: z.literal('platone.trigger/1'),
  /**
   * When it was issued, in the time of the databus (its newest tick or progress), which in a simulation is not that of
   * the wall clock. It takes effect at the next instant.
   */
  timestamp: instantSchema,
  /** Who wants it. */
  issuer: z.string().min(1),
  /** Name of the request, for the answer; a request that is repeated under its name changes nothing. */
  request: z.string().min(1),
};

export const triggerSchema = z.discriminatedUnion('useCase', [
  z.strictObject({ ...head, ...wishes.none }),
  z.strictObject({ ...head, ...wishes.island }),
  z.strictObject({ ...head, ...wishes.hold }),
  z.strictObject({ ...head, ...wishes.delivery }),
  z.strictObject({ ...head, ...wishes.export }),
]);
export type Trigger = z.infer<typeof triggerSchema>;
