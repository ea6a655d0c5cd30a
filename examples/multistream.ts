/**
 * Four TCP connections through the mixnet to an echo, opened one after the other, each with four messages. Does what
 * the Rust example tcp_proxy_multistream of nym-sdk does; with --server-address and --env-path against any echo server,
 * that of the Rust project too.
 *
 * In a program of your own, import from 'nym-tcp-proxy'.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';

import { NymProxyClient } from '../src/node/index.js';
import { exchangeMessages } from './echo-connection.js';
import { findEchoServer } from './echo-server.js';
import { findNetwork } from './network.js';
import { readProxyOptions, type ProxyOptions } from './proxy-options.js';
import { runExample } from './run-example.js';

const CONNECTIONS = [0, 1, 2, 3];

/** In bytes, of each connection's messages; those of the Rust example. */
const SIZES = [10, 15, 50, 1000];

async function multistream(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  const { maxPauseMs } = options;
  await using network = await findNetwork(options.envPath);
  console.log(`network  ${network.name}`);

  await using server = await findEchoServer(network, options, signal);
  console.log(`server   ${server.nymAddress}`);

  // A mixnet client for each connection, three of them ready in advance: the server cannot tell that they are ours.
  await using client = await NymProxyClient.create({
    serverAddress: server.nymAddress,
    listenPort: 0,
    closeTimeoutMs: 80_000,
    poolSize: 3,
    env: network.envPath,
    traffic: network.traffic,
    signal,
  });
  const { host, port } = client.listenAddress;
  console.log(`client   ${host}:${port}\n`);

  const exchange = async (connection: number) => {
    await pause(connection * maxPauseMs, undefined, { signal });
    await exchangeMessages({
      connection,
      port,
      sizes: SIZES,
      maxPauseMs,
      signal,
      onSent: ({ id, bytes }) =>
        console.log(`>> connection ${connection}, message ${id}: ${bytes.length} bytes sent`),
      onBack: ({ id, bytes }, ms) =>
        console.log(
          `<< connection ${connection}, message ${id}: ${bytes.length} bytes came back after ${ms.toFixed(0)} ms`,
        ),
    });
  };
  await Promise.race([Promise.all(CONNECTIONS.map(exchange)), server.serving]);
  signal.throwIfAborted();
  console.log(
    `\nAll messages of ${CONNECTIONS.length} connections came back as they were sent, and in order.`,
  );
}

process.exitCode = await runExample(readProxyOptions, multistream);
