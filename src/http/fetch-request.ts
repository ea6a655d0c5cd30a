/** `undefined` for none; a `Blob` is of known length and can be sent again, a stream is neither. */
export type RequestBody = Blob | ReadableStream<Uint8Array> | undefined;

/** A request as it goes to the upstream. */
export interface FetchRequest {
  readonly method: string;
  /** Of the `http:` or `https:` scheme, without credentials. */
  readonly url: URL;
  /** The caller's, with the type of the body. */
  readonly headers: Headers;
  readonly body: RequestBody;
  readonly redirect: RequestRedirect;
}

const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];

/** Whether the request may go out again when it is not known whether it has reached the upstream. */
export function isRepeatable({ method, body }: FetchRequest): boolean {
  return IDEMPOTENT.includes(method) && !(body instanceof ReadableStream);
}

/** Lets go of a body that will not be sent. */
export function dropBody({ body }: FetchRequest, reason: unknown): void {
  if (body instanceof ReadableStream) body.cancel(reason).catch(() => undefined);
}
