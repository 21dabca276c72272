/**
 * Who may do what on the access layer's broker: one account per device, per bridge and for the harness, made at the
 * start of a run. Passwords look random and follow from the seed, so that a run can be repeated byte for byte.
 */
import { hkdfSync } from 'node:crypto';
import { balPrefix, topics } from '../../platform/contract/topics.ts';
import type { Rights, Users } from '../../platform/databus/rights.ts';

interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface AccessLayerAccounts {
  /** For the broker. */
  readonly users: Users;
  /** For the client of that name; undefined when it has no account. */
  credentials(username: string): Credentials | undefined;
}

/** A device that publishes through the access layer; its account is named `<kind>-<id>`. */
export interface AccountHolder {
  readonly kind: string;
  readonly id: string;
}

/** Names of the accounts that are no device's. */
export const bridgeAccount = 'bridge';
export const harnessAccount = 'harness';

function accountOf({ kind, id }: AccountHolder): string {
  return `${kind}-${id}`;
}

/**
 * A device publishes its own measurements and hears its own setpoints. The bridge reads everything below
 * `platone/dsotp/` and brings setpoints and progress. The harness publishes ticks and hears what the bridge brings.
 */
export function accessLayerAccounts(options: {
  /** The run's seed. */
  readonly seed: string;
  readonly site: string;
  readonly devices: readonly AccountHolder[];
}): AccessLayerAccounts {
  const { seed, site, devices } = options;
  const brought = ['platone/setpoint/#', topics.balProgress('#')];
  const rights = new Map<string, Rights>([
    [bridgeAccount, { publish: brought, subscribe: [`${balPrefix}#`] }],
    [harnessAccount, { publish: [topics.balTick], subscribe: brought }],
  ]);
  for (const device of devices) {
    const account = accountOf(device);
    if (rights.has(account)) throw new Error(`two accounts of the access layer are named ${account}`);
    rights.set(account, {
      publish: [topics.balMeasurement(site, device.kind, device.id)],
      subscribe: [topics.balSetpoint(site, device.id)],
    });
  }
  const users: Users = Object.fromEntries(
    [...rights].map(([username, granted]) => [username, { password: passwordOf(seed, username), rights: granted }]),
  );
  return {
    users,
    credentials(username) {
      const user = Object.hasOwn(users, username) ? users[username] : undefined;
      return user && { username, password: user.password };
    },
  };
}

/** 144 bits, base64url. The info string is versioned. */
function passwordOf(seed: string, username: string): string {
  return Buffer.from(hkdfSync('sha256', seed, '', `platone-twin/password/1/${username}`, 18)).toString('base64url');
}
