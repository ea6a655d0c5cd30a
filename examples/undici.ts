/**
 * Fetches by undici through the tunnel, with a dispatcher.
 *
 * @module
 */
import { createServer } from 'node:http';

import { Agent, fetch } from 'undici';

import { runClientExample } from './client-of.js';

await runClientExample(
  () => createServer((request, response) => response.end(`hello, ${request.url}`)),
  async (client) => {
    const dispatcher = new Agent({ connect: client.connector() });
    const response = await fetch('http://upstream/from-undici', { dispatcher });
    console.log(`${response.status} ${await response.text()}`);
    await dispatcher.close();
  },
);
