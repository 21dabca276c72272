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
 * whoever corks the socket for a packet (the MQTT writer does) holds it until the event loop has read from all sockets, or
 * until the socket is told to hurry: acknowledgements and publications then leave in one write. Order and bytes stay as
 * they are.
 */
export function setUpSocket(
  socket: Partial<Pick<Socket, 'setNoDelay' | 'cork' | 'uncork'>> & Pick<Duplex, 'once'>,
  leaves: 'with-the-turn' | 'when-told',
): Outlet {
  socket.setNoDelay?.(true);
  const cork = socket.cork?.bind(socket);
  const uncork = socket.uncork?.bind(socket);
  if (cork === undefined || uncork === undefined) return { hurry: () => {}, mayWait: () => {} };
  let held = false;
  let leaving = false;
  let alarmed = false;
  let waiting = 0;
  const leave = () => {
    leaving = false;
    waiting = 0;
    if (!held) return;
    held = false;
    uncork();
  };
  const hurry = () => {
    if (leaving) return;
    leaving = true;
    afterThisTurn(leave);
  };
  socket.cork = () => {
    if (held) return;
    held = true;
    cork();
    if (leaves === 'with-the-turn') hurry();
  };
  socket.uncork = () => {
    // What was corked before this came into force is let go as it was meant to be.
    if (!held) uncork();
  };
  // When the other side ends, the socket closes as soon as it has written what it holds: it must hold nothing back.
  socket.once('end', () => {
    socket.cork = cork;
    socket.uncork = uncork;
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
