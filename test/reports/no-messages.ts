/** A hop of the message audit that nothing went over. */
export const noMessages = {
  published: 0,
  delivered: 0,
  refused: 0,
  lostInjected: 0,
  lostObserved: 0,
  inFlight: 0,
  unexplained: 0,
  duplicated: 0,
  reordered: 0,
  late: 0,
} as const;
