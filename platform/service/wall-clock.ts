/** The platform's only look at the wall clock: the ticker that moves time on in the field, and how long a service has lagged. */

/** Calendar time, us since the epoch. */
export function calendarUs(): number {
  return Date.now() * 1000;
}

/** Calls `onBoundary` at every whole multiple of `periodUs` of calendar time until the returned function is called. */
export function atEveryBoundary(periodUs: number, onBoundary: (timeUs: number) => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = () => {
    const now = calendarUs();
    const next = (Math.floor(now / periodUs) + 1) * periodUs;
    timer = setTimeout(
      () => {
        onBoundary(next);
        arm();
      },
      Math.max(1, (next - now) / 1000),
    );
  };
  arm();
  return () => clearTimeout(timer);
}

/** Calls `work` when the event loop has read what lay ready on all sockets. */
export function afterThisTurn(work: () => void): void {
  setImmediate(work);
}

/** Calls `work` after `us`, unless the process has nothing else to do until then. */
export function after(us: number, work: () => void): void {
  setTimeout(work, us / 1000).unref();
}
