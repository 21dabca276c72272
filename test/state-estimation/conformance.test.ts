/** Our estimators keep the rules that they ask of others. */
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { describeEstimatorConformance } from './estimator-conformance.ts';

describeEstimatorConformance({ name: 'weighted least squares', create: () => createWeightedLeastSquares() });

describeEstimatorConformance({ name: 'least squares by structure', create: () => createLeastSquares() });

describeEstimatorConformance({
  name: 'Schweppe-Huber',
  create: () => createSchweppeHuber(createLeastSquares()),
  grids: 10,
});
