import type { RequestBody } from './fetch-request.js';

/**
 * The body of a `Request` object, which is used then: with its length, which many servers insist on, unless it was made
 * of a stream.
 *
 * @throws {TypeError} if it has been used already.
 */
export async function bodyOf(request: Request): Promise<RequestBody> {
  if (request.bodyUsed) throw new TypeError('its body has been used already');
  // Firefox has no `Request.body`, nor bodies that are streams.
  if (!('body' in Request.prototype)) {
    const blob = await request.blob();
    return blob.size > 0 ? blob : undefined;
  }
  const { body } = request;
  if (body?.locked) throw new TypeError('its body is being read elsewhere');
  if (body === null) return undefined;
  // A navigation's body is a form's, never a stream.
  const fixed = request.mode === 'navigate' ? request : ofKnownLength(request);
  return fixed === undefined ? body : fixed.blob();
}

/** A request does not tell what it was made of; but in this mode the standard refuses one that was made of a stream. */
function ofKnownLength(request: Request): Request | undefined {
  try {
    return new Request(request, { mode: 'no-cors', method: 'POST' });
  } catch {
    return undefined;
  }
}
