/** Ticks move time on, progress says that a service has finished an instant. */
import { z } from 'zod';

const counts = z.record(z.string(), z.int().nonnegative());

export const tickSchema = z.object({
  schema: z.literal('platone.tick/1'),
  runId: z.string().min(1),
  /** The road that it travels: `bal` through the bridge, `direct` straight to the platform. */
  stream: z.string().min(1),
  timeUs: z.int(),
  /** 0 announces the run: services reset and answer with progress. Then 1, 2, 3 ... */
  sequence: z.int().nonnegative(),
  /** Messages published on this stream since the previous tick, by message kind; one that is sent twice is one. */
  published: counts,
  /** True on the last tick: services finish what they hold. */
  final: z.boolean().optional(),
  /** Sent again for a service that waits for messages that will not come: go on and name what is missing. */
  forced: z.boolean().optional(),
});
export type Tick = z.infer<typeof tickSchema>;

export const progressSchema = z.object({
  schema: z.literal('platone.progress/1'),
  runId: z.string().min(1),
  service: z.string().min(1),
  instance: z.string().min(1),
  timeUs: z.int(),
  sequence: z.int().nonnegative(),
  /** Messages received for this instant, refused ones and duplicates included, by kind. */
  inputs: counts,
  /** Messages published for this instant, by kind. */
  outputs: counts,
  /** Of the inputs: refused, by kind and reason; and late (older than the last completed tick), by kind. */
  refused: z.record(z.string(), counts).optional(),
  late: counts.optional(),
  duplicates: counts.optional(),
  /** Expected by the counts but never received, by kind; only where a service went on without them. */
  missing: counts.optional(),
});
export type Progress = z.infer<typeof progressSchema>;
