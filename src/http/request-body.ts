import type { Bytes } from './byte-stream.js';
import { GATHER_PAUSE_MS, MAX_GATHERED_BYTES } from './limits.js';
import type { RequestBody } from './fetch-request.js';

type Reader = ReadableStreamDefaultReader<Bytes>;

/**
 * The body of a `Request` object, which does not tell whether it was made of a form or of a stream. Many servers take
 * a form only with its length, so the body is gathered while it comes; if it is large, or pauses, it is a stream.
 */
export async function bodyOf(request: Request): Promise<RequestBody> {
  if (request.bodyUsed) throw new TypeError('its body has been used already');
  // Firefox has no `Request.body`, nor bodies that are streams.
  if (!('body' in Request.prototype)) {
    const blob = await request.blob();
    return blob.size > 0 ? blob : undefined;
  }
  return request.body === null ? undefined : gather(request.body.getReader());
}

async function gather(reader: Reader): Promise<RequestBody> {
  const chunks: Bytes[] = [];
  let size = 0;
  for (;;) {
    const next = reader.read();
    const result = size > MAX_GATHERED_BYTES ? undefined : await orPause(next);
    if (result === undefined) return resumed(chunks, next, reader);
    if (result.done) return new Blob(chunks);
    chunks.push(result.value);
    size += result.value.length;
  }
}

/** `undefined` if the promise takes too long; it goes on. */
async function orPause<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = new Promise<undefined>(
    (resolve) => (timer = setTimeout(resolve, GATHER_PAUSE_MS, undefined)),
  );
  try {
    return await Promise.race([promise, pause]);
  } finally {
    clearTimeout(timer);
  }
}

/** What was gathered, then what the read under way brings, then the rest. */
function resumed(chunks: Bytes[], next: ReturnType<Reader['read']>, reader: Reader): ReadableStream<Bytes> {
  // The stream hears of a failure when it gets there.
  next.catch(() => undefined);
  let pending: ReturnType<Reader['read']> | undefined = next;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const gathered = chunks.shift();
        if (gathered !== undefined) {
          controller.enqueue(gathered);
          return;
        }
        const { done, value } = await (pending ?? reader.read());
        pending = undefined;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
