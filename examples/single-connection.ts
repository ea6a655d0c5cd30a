/**
 * One TCP connection through the mixnet to an echo: ten messages of different sizes, sent without waiting for the
 * answers. Does what the Rust example tcp_proxy_single_connection of nym-sdk does.
 *
 * In a program of your own, import from 'nym-tcp-proxy'.
 *
 * @module
 */
import { NymProxyClient } from '../src/node/index.js';
import { exchangeMessages } from './echo-connection.js';
import { findEchoServer } from './echo-server.js';
import { findNetwork } from './network.js';
import { readProxyOptions, type ProxyOptions } from './proxy-options.js';
import { runExample } from './run-example.js';

/** In bytes; those of the Rust example. */
const SIZES = [158, 1088, 505, 1001, 150, 200, 3500, 500, 750, 100];

async function singleConnection(options: ProxyOptions, signal: AbortSignal): Promise<void> {
  await using network = await findNetwork(options.envPath);
  console.log(`network  ${network.name}`);

  const onEcho = (bytes: number) => console.log(`   upstream echoes ${bytes} bytes`);
  await using server = await findEchoServer(network, options, signal, onEcho);
  console.log(`server   ${server.nymAddress}`);

  await using client = await NymProxyClient.create({
    serverAddress: server.nymAddress,
    listenPort: 0,
    closeTimeoutMs: 5_000,
    poolSize: 1,
    env: network.envPath,
    traffic: network.traffic,
    signal,
  });
  const { host, port } = client.listenAddress;
  console.log(`client   ${host}:${port}\n`);

  const exchange = exchangeMessages({
    connection: 0,
    port,
    sizes: SIZES,
    maxPauseMs: options.maxPauseMs,
    signal,
    onSent: ({ id, bytes }) => console.log(`>> message ${id}: ${bytes.length} bytes sent`),
    onBack: ({ id, bytes }, ms) =>
      console.log(`<< message ${id}: ${bytes.length} bytes came back after ${ms.toFixed(0)} ms`),
  });
  await Promise.race([exchange, server.serving]);
  signal.throwIfAborted();
  console.log(`\nAll ${SIZES.length} messages came back as they were sent, and in order.`);
}

process.exitCode = await runExample(readProxyOptions, singleConnection);
