/** What callers order: a use case, or an exchange to hold. Their form, and how it becomes a trigger of the databus. */
import { z } from 'zod';
import type { Problem } from '../../../grids/problem.ts';
import { didYouMean } from '../../../numerics/edit-distance.ts';
import { instantSchema } from '../../contract/instant-schema.ts';
import type { Trigger } from '../../contract/trigger.ts';
import { HttpProblem, unprocessable } from './problem-details.ts';

const WEEK_S = 7 * 86_400;
/** More than any LV substation passes: a slip in the unit, not a wish. */
const LARGEST_W = 10_000_000;

const durationS = z.number().positive().max(WEEK_S).meta({ description: 's, a week at most' });
const request = z
  .string()
  .min(1)
  .max(100)
  .optional()
  .meta({ description: 'Name of the request; repeated under its name it changes nothing. Made up when absent.' });

const slots = z
  .array(
    z.strictObject({
      start: instantSchema.meta({ description: 'Earliest start' }),
      durationS: durationS.meta({ description: 'Longest duration, s' }),
      powerW: z
        .number()
        .positive()
        .max(LARGEST_W)
        .meta({ description: 'Through the grid connection, W: imported in use case 3, exported in 4' }),
    }),
  )
  .min(1)
  .max(96);

const holdFields = {
  targetW: z
    .number()
    .min(-LARGEST_W)
    .max(LARGEST_W)
    .meta({ description: 'Exchange with the grid to hold, W, import positive' }),
  durationS,
  start: instantSchema.optional().meta({ description: 'At once when absent' }),
};

/** I-01 of the use cases: 0 stops, 1 to 4 apply UC-DE-1 to 4. */
export const triggerOrderSchema = z.discriminatedUnion(
  'useCase',
  [
    z.strictObject({ useCase: z.literal(0), request }),
    z.strictObject({ useCase: z.literal(1), request }),
    z.strictObject({ useCase: z.literal(2), request, ...holdFields }),
    z.strictObject({ useCase: z.literal(3), request, slots }),
    z.strictObject({ useCase: z.literal(4), request, slots }),
  ],
  { error: 'is no use case: 0 stops, 1 to 4 apply UC-DE-1 to 4' },
);
export type TriggerOrder = z.output<typeof triggerOrderSchema>;

/** P' of UC-DE-2: the exchange with the grid is held at `targetW`. */
export const setpointOrderSchema = z.strictObject({ request, ...holdFields });
export type SetpointOrder = z.output<typeof setpointOrderSchema>;

/** The order in `body`. Throws HttpProblem: 400 when there is none, 422 with every fault and its path. */
export function parseOrder<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  if (typeof body !== 'object' || body === null) throw new HttpProblem(400, 'send a JSON object');
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw unprocessable(parsed.error.issues.flatMap((issue) => faultsOf(issue, body)));
}

function faultsOf(issue: z.core.$ZodIssue, body: unknown): Problem[] {
  const path = jsonPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(issue.path.length === 0 ? fieldsOf(body) : slots.element.shape);
    return issue.keys.map((key) => {
      const hint = didYouMean(key, known);
      return {
        path: path === '' ? key : `${path}.${key}`,
        message: `unknown key "${key}"`,
        ...(hint !== undefined && { hint }),
      };
    });
  }
  const value = issue.path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown>)[key], body);
  if (value === undefined) return [{ path, message: 'is missing' }];
  return [{ path, message: issue.message.charAt(0).toLowerCase() + issue.message.slice(1) }];
}

/** Keys that an order for the use case in `body` may have. */
function fieldsOf(body: unknown): object {
  const { useCase } = body as { readonly useCase?: unknown };
  if (useCase === undefined) return setpointOrderSchema.shape;
  return triggerOrderSchema.options.find(({ shape }) => shape.useCase.value === useCase)?.shape ?? {};
}

/** `slots[0].powerW`. */
function jsonPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** The trigger message for an order; `timestamp` is the databus's own time. */
export function triggerOf(
  order: TriggerOrder,
  head: { readonly timestamp: string; readonly issuer: string; readonly request: string },
): Trigger {
  const common = { schema: 'platone.trigger/1', ...head } as const;
  if (order.useCase === 0 || order.useCase === 1) return { ...common, useCase: order.useCase };
  if (order.useCase === 2) {
    const { useCase, targetW, durationS, start } = order;
    return { ...common, useCase, targetW, durationUs: microseconds(durationS), ...(start !== undefined && { start }) };
  }
  return {
    ...common,
    useCase: order.useCase,
    slots: order.slots.map(({ start, durationS, powerW }) => ({ start, durationUs: microseconds(durationS), powerW })),
  };
}

function microseconds(seconds: number): number {
  return Math.max(1, Math.round(seconds * 1e6));
}
