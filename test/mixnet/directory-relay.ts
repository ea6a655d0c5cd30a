import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a relayed answer becomes; `undefined` stands for no answer at all. */
export type Change = (path: string, json: string) => string | undefined;

/** A directory that answers as another one does, until told to lie. */
export interface DirectoryRelay extends AsyncDisposable {
  readonly apiUrl: string;
  change: Change;
}

export async function relayDirectory(apiUrl: string): Promise<DirectoryRelay> {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const url = new URL(path, apiUrl);
    // What is changed is JSON; clients take that as well as the bincode that they ask for.
    url.searchParams.delete('output');
    void fetch(url)
      .then(async (answer) => {
        const text = relay.change(path, await answer.text());
        if (text !== undefined) response.writeHead(200, { 'content-type': 'application/json' }).end(text);
      })
      .catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const relay: DirectoryRelay = {
    apiUrl: `http://127.0.0.1:${port}/api/`,
    change: (_, json) => json,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return relay;
}
