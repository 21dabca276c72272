/** How every socket of a broker or client is set: no waiting for more, and one system call for what a turn has to say. */
import type { Socket } from 'node:net';
import { afterThisTurn } from '../service/wall-clock.ts';

/**
 * TCP_NODELAY, without which a lock-step instant waits for delayed acknowledgements and takes some 60 times longer. And
 * whoever corks the socket for a packet (the MQTT writer does) holds it until the event loop has read from all sockets:
 * acknowledgements and publications of one turn then leave in one write. Order and bytes stay as they are.
 */
export function setUpSocket(socket: Partial<Pick<Socket, 'setNoDelay' | 'cork' | 'uncork'>>): void {
  socket.setNoDelay?.(true);
  const cork = socket.cork?.bind(socket);
  const uncork = socket.uncork?.bind(socket);
  if (cork === undefined || uncork === undefined) return;
  let held = false;
  socket.cork = () => {
    if (held) return;
    held = true;
    cork();
    afterThisTurn(() => {
      held = false;
      uncork();
    });
  };
  socket.uncork = () => {
    // What was corked before this came into force is let go as it was meant to be.
    if (!held) uncork();
  };
}
