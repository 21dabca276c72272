/** The log of a run: every line is in the file at once, and none is ever the reason why the run ends. */
import { pino, type Logger } from 'pino';

export function openRunLog(file: string): Logger {
  const destination = pino.destination({ dest: file, sync: true });
  // A full disk shows when the record is written; without a listener the first lost line would end the process.
  destination.on('error', () => {});
  return pino({ base: null }, destination);
}
