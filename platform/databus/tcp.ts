/** How every socket of a broker or client is set: no waiting for more, and one system call for what a turn has to say. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, afterThisTurn } from '../service/wall-clock.ts';

/** What may be asked of a socket that has been set up. */
export interface Outlet {
  /** The last packet is waited for at the other end: it leaves with this turn. */
  hurry(): void;
  /** The last packet is an acknowledgement that nobody waits for: it may leave together with the next one that hurries. */
  mayWait(): void;
}

/** So long, and so many at a time, acknowledgements wait for company: far below what a broker lets be on its way. */
const WAIT_US = 20_000;
const WAITING_MAX = 8;

/**
 * TCP_NODELAY, without which a lock-step instant waits for delayed acknowledgements and takes some 60 times longer. And
 * what is written to the socket (the MQTT writer writes a packet in six pieces) is gathered until the event loop has read
 * from all sockets, or until the socket is told to hurry: acknowledgements and publications then leave in one write. Order
 * and bytes stay as they are.
 */
export function setUpSocket(
  socket: Duplex & Partial<Pick<Socket, 'setNoDelay'>>,
  leaves: 'with-the-turn' | 'when-told',
): Outlet {
  socket.setNoDelay?.(true);
  const write = socket.write.bind(socket);
  const end = socket.end.bind(socket);
  const gathered = new Gathered();
  let leaving = false;
  let alarmed = false;
  let waiting = 0;
  const leave = () => {
    leaving = false;
    waiting = 0;
    const bytes = gathered.take();
    if (bytes !== undefined && socket.writable) write(bytes);
  };
  const hurry = () => {
    if (leaving) return;
    leaving = true;
    afterThisTurn(leave);
  };
  socket.write = (chunk: string | Uint8Array) => {
    gathered.add(chunk);
    if (leaves === 'with-the-turn') hurry();
    return !socket.writableNeedDrain;
  };
  socket.end = (...asCalled: []) => {
    leave();
    return end(...asCalled);
  };
  // When the other side ends, the socket closes as soon as it has written what it was given: nothing may be held back.
  socket.once('end', () => {
    socket.write = write;
    leave();
  });
  return {
    hurry,
    mayWait() {
      waiting += 1;
      if (waiting >= WAITING_MAX) hurry();
      else if (!alarmed) {
        alarmed = true;
        after(WAIT_US, () => {
          alarmed = false;
          if (waiting > 0) hurry();
        });
      }
    },
  };
}

const SLAB_BYTES = 16_384;

/** Bytes in the order in which they were added, copied one behind the other. */
class Gathered {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #end = 0;

  add(chunk: string | Uint8Array): void {
    const length = typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.length;
    if (this.#end + length > this.#slab.length) this.#moveOn(length);
    if (typeof chunk === 'string') this.#slab.write(chunk, this.#end);
    else this.#slab.set(chunk, this.#end);
    this.#end += length;
  }

  /** What was added since; the bytes stay as they are for as long as the socket needs them. */
  take(): Uint8Array | undefined {
    if (this.#end === this.#start) return undefined;
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return bytes;
  }

  #moveOn(length: number): void {
    const waiting = this.#slab.subarray(this.#start, this.#end);
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (waiting.length + length)));
    this.#slab.set(waiting);
    this.#start = 0;
    this.#end = waiting.length;
  }
}
