/** What the estimator found to be wrong in its grid against what the scenario had made wrong. */
import { estimateSchema, type Estimate } from '../platform/contract/estimate.ts';
import type { ModelFault } from './record.ts';
import type { Table } from './record-reader.ts';

type Finding = NonNullable<Estimate['modelFindings']>[number];
type InField = Finding['inField'][number];

/** A finding and when it was first told. */
interface Told {
  readonly timeUs: number;
  readonly finding: Finding;
  readonly right: boolean;
}

export interface ModelComparison {
  /** Of the `model.*` metrics; empty where no estimator watched its model. */
  readonly samples: Readonly<Record<string, Float64Array>>;
  readonly watched: boolean;
  /** In the order of their times. */
  readonly told: readonly Told[];
  /** Never named as they were. */
  readonly missed: readonly ModelFault[];
}

/** From the rows of `estimate-runs`. Throws on rows that no historian wrote. */
export function compareFindings(faults: readonly ModelFault[], runs: Table): ModelComparison {
  const told: Told[] = [];
  const wrong: number[] = [];
  const known = new Map<string, number>();
  const [timeUs, lists, estimators] = [runs.number('timeUs'), runs.text('modelFindings'), runs.text('estimator')];
  for (let row = 0; row < runs.rows; row += 1) {
    const text = lists.names[lists.index[row]!]!;
    if (text === '') continue;
    const findings = estimateSchema.shape.modelFindings.unwrap().parse(JSON.parse(text));
    const estimator = estimators.names[estimators.index[row]!]!;
    // A list grows at its end; one that is shorter than before is that of an estimator that began anew.
    const before = known.get(estimator) ?? 0;
    for (const finding of findings.slice(findings.length < before ? 0 : before)) {
      const right = finding.inField.every((entry) => isSo(faults, entry, timeUs[row]!));
      told.push({ timeUs: timeUs[row]!, finding, right });
    }
    known.set(estimator, findings.length);
    wrong.push(told.filter((one) => !one.right).length);
  }
  const watched = wrong.length > 0;
  const found = watched ? faults.map((fault) => firstRight(told, fault)) : [];
  const delays = found.flatMap((one, k) => (one === undefined ? [] : [(one.timeUs - faults[k]!.fromUs) / 1e6]));
  const samples = {
    'model.finding.precision': Float64Array.from(told, ({ right }) => (right ? 100 : 0)),
    'model.finding.recall': Float64Array.from(found, (one) => (one === undefined ? 0 : 100)),
    'model.finding.delay': Float64Array.from(delays),
    'model.finding.wrong': Float64Array.from(wrong),
  };
  return { samples, watched, told, missed: watched ? faults.filter((_, k) => found[k] === undefined) : [] };
}

/** A meter whose phases were put right again calls them A, B, C. */
function isSo(faults: readonly ModelFault[], { feature, id, value }: InField, timeUs: number): boolean {
  const fault = faults.find((one) => one.feature === feature && one.id === id && isInForce(one, timeUs));
  return fault === undefined ? feature === 'meterPhases' && value === 'ABC' : value === fault.inField;
}

function firstRight(told: readonly Told[], fault: ModelFault): Told | undefined {
  return told.find(
    ({ timeUs, finding, right }) =>
      right &&
      isInForce(fault, timeUs) &&
      finding.inField.some(({ feature, id }) => feature === fault.feature && id === fault.id),
  );
}

/** An estimate at the end of the fault still stands for the time before. */
function isInForce({ fromUs, untilUs }: ModelFault, timeUs: number): boolean {
  return timeUs > fromUs && timeUs <= untilUs;
}
