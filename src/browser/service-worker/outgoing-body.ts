/** A body of at most so many bytes is read before anything is sent. */
const MAX_HELD = 64 * 1024;

/** A request's body as it goes to the upstream. */
export interface OutgoingBody {
  readonly body: BodyInit | null;
  /** Whether it can be sent a second time. */
  readonly repeatable: boolean;
}

/**
 * A short body is taken in whole: its length can then be told in advance, which old servers insist on, and it can be
 * sent again. A longer one is passed on as it comes.
 */
export async function outgoingBody(request: Request): Promise<OutgoingBody> {
  if (request.method === 'GET' || request.method === 'HEAD') return { body: null, repeatable: true };
  // Not every browser has the stream.
  if (!('body' in request)) return { body: await wholeBody(request), repeatable: true };
  if (request.body === null) return { body: null, repeatable: true };
  const reader = request.body.getReader();
  const held: Uint8Array<ArrayBuffer>[] = [];
  for (let size = 0; size <= MAX_HELD;) {
    const { done, value } = await reader.read();
    if (done) return { body: new Blob(held), repeatable: true };
    held.push(value);
    size += value.length;
  }
  return { body: continued(held, reader), repeatable: false };
}

function wholeBody(request: Pick<Body, 'arrayBuffer'>): Promise<ArrayBuffer> {
  return request.arrayBuffer();
}

function continued(
  held: Uint8Array<ArrayBuffer>[],
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream(
    {
      async pull(controller) {
        const first = held.shift();
        if (first) {
          controller.enqueue(first);
          return;
        }
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason: unknown) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
