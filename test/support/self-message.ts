/**
 * A process that starts a mixnet client on the network whose directory is its argument, sends itself a message, and prints
 * what came.
 *
 * @module
 */
import { startMixnetClient } from '../../src/mixnet/node/start.js';

const [, , apiUrl = ''] = process.argv;
const client = await startMixnetClient({
  network: { name: 'localnet', apiUrl },
  traffic: 'fast',
  startTimeoutMs: 30_000,
});
const arrived = new Promise<Uint8Array>((resolve) => client.on('message', ({ payload }) => resolve(payload)));
await client.send(client.address, new TextEncoder().encode('to myself'), 0);
process.stdout.write(await arrived);
await client.close();
