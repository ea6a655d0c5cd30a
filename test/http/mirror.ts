import { text } from 'node:stream/consumers';

import { httpUpstream, type Upstream } from './upstream.js';

/** A request as the upstream got it. */
export interface Mirrored {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string | undefined>;
  readonly body: string;
}

/** An upstream that answers with the request as JSON. */
export async function mirror(): Promise<Upstream> {
  return httpUpstream((request, response) => {
    void text(request).then((body) => {
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
}

/** Fetches from such an upstream. */
export async function mirrored(input: RequestInfo | URL, init?: RequestInit): Promise<Mirrored> {
  await using upstream = await mirror();
  const response = await upstream.client.fetch(input, init);
  return (await response.json()) as Mirrored;
}

/** A stream of these chunks. */
export function streamOf<T>(...chunks: T[]): ReadableStream<T> {
  return new ReadableStream<T>({
    pull(controller) {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  });
}
