/** A port where something listens that is no MQTT broker. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';

it('a server that says nothing is told apart from a broker, with what to check', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const databus = mqttDatabus(`mqtt://127.0.0.1:${port}`, { connectTimeoutMs: 200 });
  await expect(databus.connect({ clientId: 'guest', onMessage: () => {} })).rejects.toThrow(
    'what listens there does not answer as an MQTT broker; check port and mqtt:// or mqtts://',
  );
  for (const socket of sockets) socket.destroy();
  await new Promise((done) => server.close(done));
});
