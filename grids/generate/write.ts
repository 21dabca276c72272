/** Writes the generated networks: `npm run build && node dist/grids/generate/write.js` from the root of the repository. */
import { writeFileSync } from 'node:fs';
import { generateAbbenhausen } from './abbenhausen.ts';
import { formatGrid } from './format.ts';

writeFileSync('grids/networks/abbenhausen/grid.json', formatGrid(generateAbbenhausen()));
