/** The historian as a service: reads everything on the databus and leaves it as Parquet files when the run is over or it is stopped. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { topics } from '../contract/topics.ts';
import { defineService } from '../service/definition.ts';
import { createHistory } from './history.ts';

export const historianConfigSchema = z.strictObject({
  site: z.string().min(1),
  /** Folder for `measurements.parquet`, `estimates.parquet` ...; made when it is missing, files in it are replaced. */
  directory: z.string().min(1),
  streams: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  /** Services whose messages of an instant it waits for. */
  upstreams: z.array(z.string()).default([]),
});

export const historian = defineService({
  name: 'historian',
  summary: 'keeps every accepted message of the databus and writes it as Parquet tables',
  configSchema: historianConfigSchema,
  inputs: ({ site }) => [
    topics.bridgedMeasurement(site, '+', '+'),
    topics.directPmu(site, '+'),
    topics.power(site, '+'),
    topics.estimate(site, '+'),
    topics.forecast(site, '+'),
    topics.setpoint(site, '+'),
    topics.plan(site, '+'),
    topics.useCase(site, '+'),
    topics.trigger(site, '+'),
  ],
  streams: ({ streams }) => streams,
  upstreams: ({ upstreams }) => upstreams,
  create({ directory }) {
    const history = createHistory();
    const tables = Object.entries(history.tables);
    return {
      step(instant) {
        for (const input of instant.inputs) history.add(input);
        return [];
      },
      metrics: () => Object.fromEntries(tables.map(([name, table]) => [`${name}.rows`, table.rowCount])),
      finish() {
        mkdirSync(directory, { recursive: true });
        for (const [name, table] of tables) table.write(join(directory, `${name}.parquet`));
        return Promise.resolve();
      },
    };
  },
});
