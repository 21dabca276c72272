/** Equal bytes share an answer, unlike bytes never do, however their slots fall. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askOnce } from '../../platform/contract/payload-memo.ts';

describe('the memory for payloads', () => {
  it('computes once for equal bytes, in whatever array they come', () => {
    let computed = 0;
    const length = (bytes: Uint8Array) => {
      computed += 1;
      return bytes.length;
    };
    expect(askOnce(Buffer.from('message 1'), 'length', length)).toBe(9);
    expect(askOnce(new Uint8Array(Buffer.from('message 1')), 'length', length)).toBe(9);
    expect(computed).toBe(1);
  });

  it('keeps questions apart, and remembers that there is no answer', () => {
    const payload = Buffer.from('message 2');
    let computed = 0;
    const nothing = () => {
      computed += 1;
      return undefined;
    };
    expect(askOnce(payload, 'a', nothing)).toBeUndefined();
    expect(askOnce(payload, 'a', nothing)).toBeUndefined();
    expect(askOnce(payload, 'b', () => 'b')).toBe('b');
    expect(computed).toBe(1);
  });

  it('never answers for other bytes', () => {
    // Long texts that differ in few places fall on few slots.
    const text = fc.tuple(fc.nat({ max: 999 }), fc.nat({ max: 1999 })).map(([number, at]) => {
      const bytes = Buffer.alloc(2000, 0x41);
      bytes.write(String(number).padStart(3, '0'), Math.min(at, 1997));
      return bytes;
    });
    fc.assert(
      fc.property(fc.array(text, { maxLength: 50 }), (payloads) => {
        for (const payload of [...payloads, ...payloads]) {
          const said = askOnce(payload, 'text', (bytes) => Buffer.from(bytes).toString());
          expect(said).toBe(payload.toString());
        }
      }),
    );
  });
});
