/** A port where something listens that is no MQTT broker. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { DatabusError } from '../../platform/databus/databus.ts';
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

it('so is a web server, which answers in its own language', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await expect(
    mqttDatabus(`mqtt://127.0.0.1:${port}`).connect({ clientId: 'guest', onMessage: () => {} }),
  ).rejects.toThrow('what listens there does not answer as an MQTT broker');
  await new Promise((done) => server.close(done));
});

it('a client whose first attempt fails does not knock again, although it would get a lost connection back', async () => {
  let knocks = 0;
  const server = createServer((socket) => {
    knocks += 1;
    socket.resetAndDestroy();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const databus = mqttDatabus(`mqtt://127.0.0.1:${port}`, { reconnectMs: 20 });
  await expect(databus.connect({ clientId: 'guest', onMessage: () => {} })).rejects.toThrow(DatabusError);
  await new Promise((done) => setTimeout(done, 300));
  expect(knocks).toBe(1);
  await new Promise((done) => server.close(done));
});
