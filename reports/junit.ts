/** `junit.xml`: one test case per expectation and one for the run itself, as CI systems read them. */
import { formatQuantity } from './format.ts';
import type { RunRecord } from './record-reader.ts';
import { scenarioFacts } from './scenario-facts.ts';
import type { Score } from './score.ts';

/** A failed expectation is a `failure`; a run that cannot be judged is an `error`. */
export function renderJunit({ manifest }: RunRecord, score: Score): string {
  const suite = escapeXml(scenarioFacts(manifest).name);
  const cases = [
    validityCase(suite, score.reasons),
    ...score.expectations.map(({ text, observed, unit, pass }) => {
      const seen = observed === null ? 'no sample' : formatQuantity(observed, unit);
      return testCase(suite, text, pass ? '' : `<failure message="${escapeXml(`observed: ${seen}`)}"/>`);
    }),
  ];
  const failures = score.expectations.filter(({ pass }) => !pass).length;
  const errors = score.reasons.length > 0 ? 1 : 0;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${cases.length}" failures="${failures}" errors="${errors}">`,
    `  <testsuite name="${suite}" tests="${cases.length}" failures="${failures}" errors="${errors}" time="${manifest.wallSeconds}">`,
    '    <properties>',
    ...[
      ['seed', manifest.seed],
      ['class', manifest.class],
      ['commit', manifest.commit],
    ].map(([name, value]) => `      <property name="${name}" value="${escapeXml(value ?? '')}"/>`),
    '    </properties>',
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function validityCase(suite: string, reasons: readonly string[]): string {
  const message = escapeXml(reasons.join('; '));
  return testCase(suite, 'the run is valid', reasons.length === 0 ? '' : `<error message="${message}"/>`);
}

function testCase(suite: string, name: string, content: string): string {
  const head = `    <testcase classname="${suite}" name="${escapeXml(name)}"`;
  return content === '' ? `${head}/>` : `${head}>${content}</testcase>`;
}

/** Text for XML attributes; control characters, which XML 1.0 cannot hold, become a question mark. */
export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  const printable = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x20 && code !== 0x09 && code !== 0x0a ? '?' : character;
  });
  return printable.map((character) => entities[character] ?? character).join('');
}
