/** The page's style sheet: one column of text, figures beside one another where there is room, light, dark and print. */
import { foldWidths } from './markup.ts';

/** A table in a box narrower than `width`: each row a block, its figures side by side under the names of their columns. */
const foldBelow = (width: number) => `
@container (width < ${width}px) {
  .fold-${width} thead { display: none; }
  .fold-${width} :is(table, caption, tbody) { display: block; min-width: 0; }
  .fold-${width} tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); align-items: end; gap: 3px 14px; padding: 9px 0 10px; border-bottom: 1px solid var(--rule); }
  .fold-${width} :is(th, td) { padding: 0; border: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
  .fold-${width} :is(th, td:not(.number)) { grid-column: 1 / -1; }
  .fold-${width} tbody th { font-weight: 600; }
  .fold-${width} td::before { content: attr(data-head) ": "; color: var(--soft); font-size: 12.5px; }
  .fold-${width} td.number { white-space: nowrap; }
  .fold-${width} td.number::before { content: attr(data-head); display: block; white-space: normal; }
  .fold-${width} tr:not(:has(td.number ~ td.number)) td.number { grid-column: 1 / -1; }
  .fold-${width} tr:not(:has(td.number ~ td.number)) td.number::before { display: inline; content: attr(data-head) ": "; }
  .fold-${width} :is(td:empty, td:has(.nil)) { display: none; }
  .fold-${width} .bar { min-width: 84px; background: none; }
}`;

export const style = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f6f7f7; --ink: #1a2327; --soft: #55636a; --rule: #dde2e4; --grid: #e6eaeb;
  --accent: #0b6e69; --load: #2f5d8a; --pv: #c77700; --before: #8b979d; --after: #0b7d77; --battery: #7a4a93;
  --band: #b9c3c7; --low: #1f66c1; --nominal: #9aa6ab; --high: #cf4a24;
  --pass: #1b7340; --fail: #b3261e; --invalid: #8a5a00; --alert: #fdf3e1; --shadow: #1a232738;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #12181b; --panel: #1a2226; --ink: #e4eaec; --soft: #9fadb3; --rule: #2c373c; --grid: #263035;
    --accent: #5cc4bc; --load: #7fb2e5; --pv: #f0a93b; --before: #7f8d94; --after: #45bdb4; --battery: #c08fdc;
    --band: #4a585e; --low: #5aa2f5; --nominal: #6f7c82; --high: #f07a4f;
    --pass: #6fcf97; --fail: #ff8a80; --invalid: #f2c14e; --alert: #2b2415; --shadow: #000000b0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, .top, nav > ul, footer { max-width: 1170px; margin: 0 auto; padding: 0 28px; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; background: var(--ground); padding: 8px 12px; z-index: 2; }
header { padding: 52px 0 4px; }
.eyebrow { margin: 0 0 6px; color: var(--soft); font-size: 14px; letter-spacing: .04em; }
h1 { margin: 0; font-size: clamp(26px, 4.2vw, 40px); line-height: 1.16; letter-spacing: -.018em; font-weight: 650; max-width: 24em; text-wrap: balance; }
h2 { margin: 0 0 4px; font-size: 22px; line-height: 1.3; letter-spacing: -.01em; font-weight: 640; }
h3 { margin: 0 0 4px; font-size: 15px; font-weight: 620; }
.description { margin: 14px 0 0; max-width: 68ch; font-size: 17px; color: var(--soft); }
.verdict { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; margin: 24px 0 0; }
.verdict strong { padding: 2px 13px 3px; border-radius: 99px; border: 1.5px solid currentColor; font-size: 15px; letter-spacing: .03em; }
.verdict.pass strong, .mark.pass { color: var(--pass); }
.verdict.fail strong, .mark.fail { color: var(--fail); }
.verdict.invalid strong { color: var(--invalid); }
.mark { font-weight: 600; white-space: nowrap; }
.banner { margin: 22px 0 0; padding: 16px 20px; background: var(--alert); border-left: 4px solid var(--invalid); border-radius: 4px; }
.banner h2 { font-size: 18px; } .banner p, .banner ul { margin: 4px 0 0; } .banner ul { padding-left: 20px; }
.banner li { overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 26px 0 0; }
.facts dt { font-size: 13px; color: var(--soft); }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; z-index: 1; margin-top: 30px; background: color-mix(in srgb, var(--ground) 94%, transparent); border-block: 1px solid var(--rule); }
nav > ul { display: flex; gap: 4px 19px; padding-block: 9px; list-style: none; overflow-x: auto; scrollbar-width: none; font-size: 14px; white-space: nowrap; }
nav a { color: var(--soft); text-decoration: none; padding: 3px 0; } nav a:hover { color: var(--ink); }
section { padding: 40px 0 0; scroll-margin-top: 36px; }
.lead { margin: 0 0 18px; max-width: 76ch; color: var(--soft); }
.absent { margin: 0 0 16px; padding: 14px 18px; background: var(--panel); border-radius: 6px; color: var(--soft); align-self: start; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); margin: 34px 0 0; padding: 0; list-style: none; border: 1px solid var(--rule); border-radius: 8px; overflow: hidden; }
.tiles li { display: flex; flex-direction: column; padding: 16px 20px 18px; box-shadow: 0 0 0 .5px var(--rule); }
.tiles span { font-size: 14px; color: var(--soft); }
.tiles strong { font-size: 28px; line-height: 1.3; font-weight: 620; letter-spacing: -.015em; font-variant-numeric: tabular-nums; }
.tiles small { font-size: 13px; line-height: 1.45; color: var(--soft); }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px 32px; align-items: start; }
figure { margin: 0 0 26px; min-width: 0; }
figcaption { margin-top: 4px; max-width: 76ch; font-size: 13.5px; line-height: 1.45; color: var(--soft); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 4px; padding: 0; list-style: none; font-size: 13.5px; color: var(--soft); }
.legend i { display: inline-block; width: 20px; height: 0; margin-right: 7px; vertical-align: .27em; border-top: 2.5px solid var(--c); }
.legend i.dashed { border-top-style: dashed; }
.legend i.dot { width: 7px; height: 7px; border: 0; border-radius: 9px; background: var(--c); vertical-align: .1em; }
.legend i.band { height: 11px; border: 0; background: var(--c); opacity: .28; vertical-align: -.06em; }
.legend i.square, .legend i.diamond { width: 10px; height: 10px; border: 1.5px solid var(--ink); vertical-align: -.05em; }
.legend i.diamond { transform: rotate(45deg) scale(.82); }
.legend .ramp i { width: 120px; height: 9px; margin: 0 6px; border: 0; border-radius: 2px; vertical-align: 0; background: linear-gradient(90deg in oklab, var(--low), var(--nominal), var(--high)); }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .tick { text-anchor: middle; } svg .start { text-anchor: start; } svg .end { text-anchor: end; }
svg .strong { fill: var(--ink); font-weight: 600; }
svg .halo { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
svg .grid { stroke: var(--grid); fill: none; } svg .axis { stroke: var(--soft); stroke-opacity: .7; fill: none; }
svg .line { fill: none; stroke-width: 1.7; stroke-linejoin: round; } svg .line.dashed { stroke-dasharray: 5 4; stroke-width: 1.3; }
svg .dots { fill: none; stroke-width: 5; stroke-linecap: round; }
svg .area { opacity: .13; } svg .band { opacity: .25; }
svg .mark { stroke: var(--fail); stroke-dasharray: 2 3; fill: none; font-weight: 400; } svg .mark-label { fill: var(--fail); }
svg .quiet-mark { stroke: var(--soft); } svg .mark-label.quiet-mark { fill: var(--soft); stroke: var(--ground); } svg .shade { opacity: .16; }
svg .link { stroke: var(--soft); stroke-width: 1.4; fill: none; } svg .link.open { stroke-dasharray: 3 4; opacity: .6; }
svg .winding { fill: none; stroke: var(--ink); stroke-width: 1.5; } svg .winding.ground { fill: var(--ground); }
svg .bus { stroke: var(--ground); stroke-width: 1.2; } svg .bus.extreme { stroke: var(--ink); stroke-width: 2; } svg .symbol { fill: var(--ground); stroke: var(--ink); stroke-width: 1.5; }
.scroll { margin: 0 0 22px; overflow-x: auto; container-type: inline-size; }
.scroll, nav > ul { background: linear-gradient(90deg, var(--ground) 40%, transparent) left / 40px 100% no-repeat local, linear-gradient(270deg, var(--ground) 40%, transparent) right / 40px 100% no-repeat local, linear-gradient(90deg, var(--shadow), transparent) left / 14px 100% no-repeat scroll, linear-gradient(270deg, var(--shadow), transparent) right / 14px 100% no-repeat scroll; }
table { width: 100%; border-collapse: collapse; font-size: 14.5px; line-height: 1.42; }
caption { padding: 0 0 6px; text-align: left; font-size: 15px; font-weight: 620; }
th, td { padding: 6px 24px 6px 0; text-align: left; vertical-align: baseline; border-bottom: 1px solid var(--rule); }
table.slim { width: auto; min-width: min(100%, 620px); } .pair table.slim { min-width: 100%; }
thead th { font-size: 13px; font-weight: 500; color: var(--soft); vertical-align: bottom; border-bottom-color: var(--soft); }
tbody th { font-weight: 450; } th.whole { white-space: nowrap; } .nil { color: var(--soft); opacity: .75; } tr > :last-child { padding-right: 2px; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; } thead .number { white-space: normal; }
.bar { display: inline-block; min-width: 112px; padding-right: 2px; background: linear-gradient(to left, color-mix(in srgb, var(--after) 26%, transparent) var(--share), transparent 0); }
code { font: .92em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; } .quiet { color: var(--soft); font-size: 12.5px; }
pre { margin: 0 0 14px; padding: 12px 16px; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--panel); border-radius: 6px; }
details { margin: 0 0 14px; } summary { cursor: pointer; padding: 4px 0; color: var(--accent); }
.names { color: var(--soft); overflow-wrap: anywhere; font-size: 14px; }
.plain { margin: 0 0 18px; padding-left: 20px; max-width: 80ch; } .plain li { margin: 0 0 5px; }
#messages th, #messages td, .pair th, .pair td { padding-right: 14px; }
footer { padding-block: 34px 44px; color: var(--soft); font-size: 13.5px; }
${foldWidths.map(foldBelow).join('')}
@media (max-width: 1000px) {
  .pair .wide { display: none; } .pair .narrow { display: block; } .pair { column-gap: 24px; }
}
@media (max-width: 760px) {
  main, .top, nav > ul, footer { padding-inline: 18px; }
  header { padding-top: 30px; } section { padding-top: 32px; }
  .pair { grid-template-columns: minmax(0, 1fr); }
  .wide { display: none; } .narrow { display: block; }
  th, td { padding-right: 16px; }
  .facts { gap: 10px 26px; } .tiles { grid-template-columns: 1fr; } .tiles strong { font-size: 25px; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --soft: #444; --rule: #ccc; --grid: #e2e2e2; }
  @page { margin: 15mm; }
  nav, .skip { display: none; } body { font-size: 10pt; } main, .top, footer { max-width: none; padding: 0; }
  header { padding-top: 0; } section { padding-top: 20px; } .tiles { grid-template-columns: repeat(3, 1fr); }
  .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); column-gap: 20px; }
  .chart .wide { display: none; } .chart .narrow { display: block; max-width: 430px; } .diagram .wide { display: block; } .diagram .narrow { display: none; }
  figure, tr, .tiles li, .banner { break-inside: avoid; } h2, h3, caption, .lead, .legend { break-after: avoid; }
  .scroll { overflow: visible; background: none; }
}
`;
