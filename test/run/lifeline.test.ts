/** The first failure ends every wait, and waits that are over leave nothing behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Lifeline } from '../../sim/run/lifeline.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const forever = new Promise<never>(() => {});

describe('a lifeline', () => {
  it('settles as the work does while all are alive', async () => {
    const lifeline = new Lifeline();
    expect(await lifeline.during(Promise.resolve(7))).toBe(7);
    await expect(lifeline.during(Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect(lifeline.signal.aborted).toBe(false);
  });

  it('ends waits under way and later ones with the first failure', async () => {
    const lifeline = new Lifeline();
    const waiting = [lifeline.during(forever), lifeline.during(forever)];
    lifeline.fail(new Error('first'));
    lifeline.fail(new Error('second'));
    for (const wait of waiting) await expect(wait).rejects.toThrow('first');
    await expect(lifeline.during(forever)).rejects.toThrow('first');
    expect(lifeline.signal.aborted).toBe(true);
  });

  it('does not hold on to what a wait that is over was given', async () => {
    const lifeline = new Lifeline();
    const given: WeakRef<object>[] = [];
    for (let instant = 0; instant < 100; instant += 1) {
      const result = { instant };
      given.push(new WeakRef(result));
      await lifeline.during(Promise.resolve(result));
    }
    // Weak references hold on to the end of the turn.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collectGarbage();
    expect(given.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(5);
    lifeline.fail(new Error('still there'));
  });
});
