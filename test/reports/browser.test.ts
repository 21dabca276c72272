import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageSections } from '../../reports/html/page.ts';
import { writeReport } from '../../reports/report.ts';
import { writeFixture } from './fixture.ts';
import { addUseCase } from './use-case-fixture.ts';

const executablePath = process.env['TWIN_CHROMIUM'] ?? '/usr/bin/chromium';
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What runs in the page is text here: the project is compiled without the types of browsers. */
const survey = `({
  sections: Array.from(document.querySelectorAll('section'), (section) => section.id),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  headings: document.querySelectorAll('h1').length,
  unlabelled: document.querySelectorAll('[role=img]:not([aria-label])').length,
  untitled: document.querySelectorAll('table:not(:has(caption))').length,
})`;

const textHeights = `Array.from(document.querySelectorAll('svg text'), (text) => text.getBoundingClientRect().height)
  .filter((height) => height > 0)`;

/** Texts of drawings that stick out of them, charts over the day without their slots, and how many charts there are. */
const useCaseSurvey = `(() => {
  const drawn = Array.from(document.querySelectorAll('#use-case figure.chart')).map((figure) => {
    const svg = Array.from(figure.querySelectorAll('svg')).find((one) => one.getBoundingClientRect().height > 0);
    return { title: figure.querySelector('h3').textContent, svg };
  });
  const sticksOut = (text, frame) => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2;
  };
  const overTheDay = /Exchange with|Exchange that|setpoint and response|state of charge/;
  return {
    cutOff: drawn.flatMap(({ svg }) => Array.from(svg.querySelectorAll('text'))
      .filter((text) => sticksOut(text, svg.getBoundingClientRect())).map((text) => text.textContent)),
    unshaded: drawn.filter(({ title, svg }) => overTheDay.test(title)
      && Array.from(svg.querySelectorAll('.shade')).filter((one) => one.getBoundingClientRect().width > 3).length !== 2)
      .map(({ title }) => title),
    charts: drawn.length,
  };
})()`;

/** Tables wider than their box, folds open, and what each figure of a folded table is called. */
const tableSurvey = `(() => {
  for (const fold of document.querySelectorAll('details')) fold.open = true;
  const boxes = Array.from(document.querySelectorAll('.scroll'));
  const name = (box) => box.getAttribute('aria-label');
  const folded = boxes.filter((box) => getComputedStyle(box.querySelector('thead')).display === 'none');
  return {
    cut: boxes.filter((box) => box.scrollWidth > box.clientWidth).map(name),
    folded: folded.map(name),
    nameless: folded.flatMap((box) => Array.from(box.querySelectorAll('td')))
      .filter((cell) => !/^"[^"]/.test(getComputedStyle(cell, '::before').content)).length,
  };
})()`;

/** Where people who want to look at the pictures have them put. */
const pictures = process.env['TWIN_PICTURES'];

/** Contrast ratio after WCAG 2: (L1 + 0.05) / (L2 + 0.05) of the relative luminances. */
const lowestContrast = `(() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
      const value = Number(part) / 255;
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  const inks = Array.from(document.querySelectorAll('p, th, td, dt, dd, figcaption, .mark, .verdict strong, a'), (one) =>
    luminance(getComputedStyle(one).color));
  return Math.min(...inks.map((ink) => (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)));
})()`;

describe.skipIf(!existsSync(executablePath))(`the page in a browser (skipped without ${executablePath})`, () => {
  let root = '';
  let browser: Browser;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'twin-browser-'));
    await writeFixture(join(root, 'day'), { houses: 30 });
    await writeFixture(join(root, 'realtime'), { class: 'realtime', steps: 100, stepUs: 20_000, positions: false });
    await writeFixture(join(root, 'bare'), {
      state: 'interrupted',
      without: ['series/estimates', 'series/estimate-runs', 'series/truth-terminal', 'series/device-states'],
    });
    // What a finding says is as long as a line of three columns.
    const says = 'the open point is at feeder-12-extension instead of feeder-7: line feeder-7 is closed';
    const inField = [{ feature: 'lineClosed' as const, id: 'feeder-7', value: true }];
    const finding = { kind: 'switch' as const, element: 'feeder-7', says, inField, evidence: 40, estimates: 3 };
    await writeFixture(join(root, 'use-case'), { houses: 12, modelFindings: [finding] });
    await addUseCase(join(root, 'use-case'));
    for (const name of ['day', 'realtime', 'bare', 'use-case']) await writeReport(join(root, name));
    browser = await chromium.launch({ executablePath, args });
  });
  afterAll(async () => {
    await browser?.close();
    await rm(root, { recursive: true });
  });

  async function open(
    name: string,
    width: number,
    colorScheme: 'light' | 'dark',
  ): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:') && !request.url().startsWith('data:')) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(join(root, name, 'report.html')).href);
    return { page, complaints };
  }

  const views = ['day', 'realtime', 'bare', 'use-case'].flatMap((name) =>
    ([1280, 400] as const).flatMap((width) =>
      (['light', 'dark'] as const).map((scheme) => [name, width, scheme] as const),
    ),
  );

  it.each(views)('%s at %i px, %s: complete, quiet, not wider than the window', async (name, width, scheme) => {
    const { page, complaints } = await open(name, width, scheme);
    const seen = await page.evaluate(survey);
    expect(complaints).toEqual([]);
    expect(seen).toEqual({
      sections: pageSections.map(([id]) => id),
      overflow: 0,
      headings: 1,
      unlabelled: 0,
      untitled: 0,
    });
    await page.close();
  });

  it.each([320, 400, 800, 1000, 1280])('cuts no table off at %i px, and folds what has no room', async (width) => {
    const wide = ['Message audit per hop and kind', 'Metrics with their statistics'];
    for (const name of ['realtime', 'use-case']) {
      const { page } = await open(name, width, 'light');
      const seen = await page.evaluate<{ cut: string[]; folded: string[]; nameless: number }>(tableSurvey);
      expect(seen).toMatchObject({ cut: [], nameless: 0 });
      expect(wide.filter((caption) => seen.folded.includes(caption))).toEqual(width < 1200 ? wide : []);
      await page.close();
    }
  });

  it('is printed dark on white, whatever the screen, with small drawings two by two', async () => {
    const { page } = await open('use-case', 718, 'dark');
    await page.emulateMedia({ media: 'print' });
    const seen = await page.evaluate(`(() => ({
      ground: getComputedStyle(document.body).backgroundColor,
      band: getComputedStyle(document.documentElement).getPropertyValue('--band').trim(),
      columns: getComputedStyle(document.querySelector('.pair')).gridTemplateColumns.split(' ').length,
      widest: Math.max(...Array.from(document.querySelectorAll('.chart svg'), (svg) => svg.getBoundingClientRect().width)),
    }))()`);
    expect(seen).toEqual({ ground: 'rgb(255, 255, 255)', band: '#b9c3c7', columns: 2, widest: 430 });
    await page.close();
  });

  const useCaseViews = ([1280, 400] as const).flatMap((width) =>
    (['light', 'dark'] as const).map((scheme) => [width, scheme] as const),
  );
  it.each(useCaseViews)(
    'the use case at %i px, %s: slots shaded, nothing cut off, a picture',
    async (width, scheme) => {
      const { page } = await open('use-case', width, scheme);
      const seen = await page.evaluate(useCaseSurvey);
      expect(seen).toEqual({ cutOff: [], unshaded: [], charts: 8 });
      const picture = await page.locator('#use-case').screenshot();
      if (pictures !== undefined) await writeFile(join(pictures, `use-case-${width}-${scheme}.png`), picture);
      // A page without its drawings is a tenth of that.
      expect(picture.byteLength).toBeGreaterThan(150_000);
      await page.close();
    },
  );

  it.each([1280, 400])('draws text of a readable size at %i px', async (width) => {
    const { page } = await open('day', width, 'light');
    const sizes = await page.evaluate<number[]>(textHeights);
    expect(sizes.length).toBeGreaterThan(50);
    expect(Math.min(...sizes)).toBeGreaterThan(11);
    await page.close();
  });

  it.each(['light', 'dark'] as const)('keeps text in contrast with its ground, %s (WCAG 2 AA: 4.5)', async (scheme) => {
    const { page } = await open('day', 1280, scheme);
    const worst = await page.evaluate<number>(lowestContrast);
    expect(worst).toBeGreaterThan(4.5);
    await page.close();
  });
});
