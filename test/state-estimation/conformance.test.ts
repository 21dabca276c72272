/** Our estimators keep the rules that they ask of others. */
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { describeEstimatorConformance } from './estimator-conformance.ts';

describeEstimatorConformance({ name: 'weighted least squares', create: () => createWeightedLeastSquares() });

describeEstimatorConformance({
  name: 'Schweppe-Huber',
  create: () => createSchweppeHuber(createWeightedLeastSquares()),
  grids: 10,
});
