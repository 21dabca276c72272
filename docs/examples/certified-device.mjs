/**
 * A meter of one's own at the access layer: it certifies what it has measured, and the platform believes it. Called once
 * for each message, every 15 min say, with the broker of the access layer and a voltage in V:
 *
 *   node docs/examples/certified-device.mjs mqtt://127.0.0.1:1884 230.4
 *
 * Key and place in the chain are kept in certified-device.json, or in the file that is named behind the voltage. It prints
 * its entry for the register of keys. docs/certified-messages.md says why it does what it does.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connectAsync } from 'mqtt';

const [url = 'mqtt://127.0.0.1:1884', voltage = '230', file = 'certified-device.json'] = process.argv.slice(2);
const [site, kind, device, blockLength] = ['germany', 'smart-meter', 'house-01', 4];

const { pem, index, previousHash } = existsSync(file)
  ? JSON.parse(readFileSync(file, 'utf8'))
  : { pem: newKey(), index: 0, previousHash: '0'.repeat(64) };
const privateKey = createPrivateKey(pem);
const publicKey = createPublicKey(privateKey).export({ format: 'jwk' }).x;
const keyId = `${site}/${kind}/${device}`;

const message = {
  schema: 'platone.measurement/1',
  device,
  timestamp: new Date().toISOString(),
  sequence: index,
  readings: [{ component: `bus:${device}`, measurand: 'voltmagnitude', phase: 'A', data: Number(voltage) }],
};

const place = { index, keyId, previousHash };
const hash = createHash('sha256')
  .update(canonicalJson({ ...message, certification: place }))
  .digest('hex');
const certification = { ...place, hash };
// The last message of a block vouches for all of it.
if ((index + 1) % blockLength === 0) {
  certification.signature = sign(null, Buffer.from(hash, 'hex'), privateKey).toString('base64');
}

// Before it is sent: a message that gets lost leaves a hole, which is no harm; two at one place would break the chain.
writeFileSync(file, JSON.stringify({ pem, index: index + 1, previousHash: hash }), { mode: 0o600 });

const client = await connectAsync(url, { clientId: device });
const payload = JSON.stringify({ ...message, certification });
await client.publishAsync(`platone/dsotp/${site}/${kind}/${device}`, payload, { qos: 1 });
await client.endAsync();
console.log(JSON.stringify({ [keyId]: { device, publicKey, blockLength } }));

function newKey() {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** RFC 8785: members sorted, no white space, texts and numbers as ECMAScript writes them. */
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.keys(value).toSorted();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(',')}}`;
}
