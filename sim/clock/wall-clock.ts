/** The harness's only look at the wall clock: pacing, latencies, time-outs. What is computed never depends on it. */

/** Monotonic wall time, us, from an arbitrary origin. */
export function wallUs(): number {
  return performance.now() * 1000;
}

/** Calendar time for names of folders and manifests, us since the epoch. */
export function calendarUs(): number {
  return Date.now() * 1000;
}

/** Resolves after `us`, or at once when the signal aborts. */
export async function sleepUs(us: number, signal?: AbortSignal): Promise<void> {
  if (us <= 0 || signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, us / 1000);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when `work` has settled, well or ill, or after `us` at the latest. */
export async function atMostUs(us: number, work: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const end = () => settled.abort();
  work.then(end, end);
  await sleepUs(us, settled.signal);
}

/** Calls `onTick` every `us` until the returned function is called. */
export function everyUs(us: number, onTick: () => void): () => void {
  const timer = setInterval(onTick, us / 1000);
  return () => clearInterval(timer);
}

/** Lets sockets be served before the harness goes on. */
export async function yieldToSockets(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
