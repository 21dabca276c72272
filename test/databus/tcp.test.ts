/** Sockets that gather what a turn of the event loop has to say. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setUpSocket } from '../../platform/databus/tcp.ts';

const server = createServer();
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

/** Both ends of a connection. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(near, 'connect');
  return [near, (await accepted)[0]];
}

/** Everything that comes until the other side ends. */
async function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('a socket that has been set up', () => {
  it('sends every byte in order, whatever the pieces, and ends with the last', async () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 16_000, max: 200_000 }).map((length) => new Uint8Array(length).fill(length)),
    );
    const turns = fc.array(fc.array(piece, { maxLength: 8 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(turns, async (said) => {
        const [near, far] = await pair();
        const heard = received(far);
        setUpSocket(near, 'with-the-turn');
        for (const pieces of said) {
          for (const each of pieces) near.write(each);
          await new Promise((resolve) => setImmediate(resolve));
        }
        near.end();
        expect((await heard).equals(Buffer.concat(said.flat().map((each) => Buffer.from(each))))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('sends what was said in one turn in one write', async () => {
    const [near, far] = await pair();
    setUpSocket(near, 'with-the-turn');
    for (const piece of ['a', 'bc', 'def']) near.write(piece);
    const [chunk] = (await once(far, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('abcdef');
    near.destroy();
  });

  it('keeps acknowledgements back until something hurries, though not for long, and sends them before it ends', async () => {
    const [near, far] = await pair();
    const outlet = setUpSocket(near, 'when-told');
    near.write('ack ');
    outlet.mayWait();
    near.write('publish');
    outlet.hurry();
    expect(String((await once(far, 'data'))[0])).toBe('ack publish');
    near.write('late ack');
    outlet.mayWait();
    expect(String((await once(far, 'data'))[0])).toBe('late ack');
    near.write('last ack');
    outlet.mayWait();
    near.end();
    expect(String((await once(far, 'data'))[0])).toBe('last ack');
  });
});
