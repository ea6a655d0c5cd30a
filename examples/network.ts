import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startLocalnet } from '../src/localnet/index.js';
import type { TrafficProfile } from '../src/node/index.js';

/** The mixnet that an example uses. */
export interface ExampleNetwork extends AsyncDisposable {
  readonly name: string;
  readonly envPath: string;
  /** Decoys make sense only where others are. */
  readonly traffic: TrafficProfile;
}

/** The network that the env file names, or without one a localnet of the example's own. */
export async function findNetwork(envPath: string | undefined): Promise<ExampleNetwork> {
  if (envPath !== undefined) {
    return { name: envPath, envPath, traffic: 'default', [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const localnet = await startLocalnet();
  const directory = await mkdtemp(join(tmpdir(), 'nym-proxy-example-'));
  const ownEnvPath = join(directory, 'localnet.env');
  await writeFile(ownEnvPath, localnet.envFile());
  return {
    name: 'a localnet of its own',
    envPath: ownEnvPath,
    traffic: 'fast',
    [Symbol.asyncDispose]: async () => {
      await localnet.close();
      await rm(directory, { recursive: true });
    },
  };
}
