/** Names that MATPOWER gives to the columns of its tables (idx_bus, idx_gen and idx_brch of its manual, appendix B). */

type Constants = readonly (readonly [name: string, column: number])[];

/** Names of neighbouring columns, from number `first` on. */
const from = (first: number, ...names: readonly string[]): Constants => names.map((name, i) => [name, first + i]);

const bus = [
  ...from(1, 'PQ', 'PV', 'REF', 'NONE'),
  ...from(1, 'BUS_I', 'BUS_TYPE', 'PD', 'QD', 'GS', 'BS', 'BUS_AREA', 'VM', 'VA', 'BASE_KV', 'ZONE', 'VMAX', 'VMIN'),
  ...from(14, 'LAM_P', 'LAM_Q', 'MU_VMAX', 'MU_VMIN'),
];

const generator = [
  ...from(1, 'GEN_BUS', 'PG', 'QG', 'QMAX', 'QMIN', 'VG', 'MBASE', 'GEN_STATUS', 'PMAX', 'PMIN'),
  ...from(22, 'MU_PMAX', 'MU_PMIN', 'MU_QMAX', 'MU_QMIN'),
  ...from(11, 'PC1', 'PC2', 'QC1MIN', 'QC1MAX', 'QC2MIN', 'QC2MAX'),
  ...from(17, 'RAMP_AGC', 'RAMP_10', 'RAMP_30', 'RAMP_Q', 'APF'),
];

const branch = [
  ...from(1, 'F_BUS', 'T_BUS', 'BR_R', 'BR_X', 'BR_B', 'RATE_A', 'RATE_B', 'RATE_C', 'TAP', 'SHIFT', 'BR_STATUS'),
  ...from(14, 'PF', 'QF', 'PT', 'QT', 'MU_SF', 'MU_ST'),
  ...from(12, 'ANGMIN', 'ANGMAX'),
  ...from(20, 'MU_ANGMIN', 'MU_ANGMAX'),
];

const cost = [...from(1, 'PW_LINEAR', 'POLYNOMIAL'), ...from(1, 'MODEL', 'STARTUP', 'SHUTDOWN', 'NCOST', 'COST')];

/** What each of MATPOWER's functions returns, in its order. */
export const columnFunctions: ReadonlyMap<string, Constants> = new Map([
  ['idx_bus', bus],
  ['idx_gen', generator],
  ['idx_brch', branch],
  ['idx_cost', cost],
]);
