import { bodyOf } from '../../http/request-body.js';
import { TunnelFailure, isLoss, tunnelFailure } from './failure.js';
import { failureResponse } from './failure-response.js';
import { guardScript, integrityOf } from './guard.js';
import { CurrentLine, type HttpLine } from './http-line.js';
import type { Place } from './place.js';
import { placedResponse } from './placed-response.js';
import { requestHeaders } from './request-headers.js';
import { routeOf, type Route } from './route.js';
import type { FetchEvent } from './scope.js';
import { sniffedDocument } from './sniffed-document.js';

/** What answers are made from. */
export interface AnswerOptions {
  readonly place: Place;
  /** Finds the tab that holds the tunnel. */
  readonly open: () => Promise<HttpLine>;
  /** How long the beginning of an answer is waited for. */
  readonly responseTimeoutMs: number;
}

/** How long another tab may take to take over from one that was closed. */
const TAKE_OVER_MS = 5_000;

/**
 * How long the browser is asked not to stop the worker in the middle of a body. Chromium stops it for good once that
 * has gone on for 5 minutes, while a body that is being read keeps it alive by itself, for as long as it takes.
 */
const MAX_EVENT_MS = 240_000;

/** It takes no time worth mentioning to send so many bytes. */
const MAX_SHORT_BODY = 64 * 1024;

/** Methods that change nothing when they are repeated (RFC 9110 section 9.2.2). */
const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];

/** Makes the listener that answers a service worker's `fetch` events through the tunnel. */
export function tunnelAnswers(options: AnswerOptions): (event: FetchEvent) => void {
  const answers = new Answers(options);
  return (event) => {
    let ended: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (ended = resolve));
    const timer = setTimeout(ended, MAX_EVENT_MS);
    event.waitUntil(done.then(() => clearTimeout(timer)));
    event.respondWith(answers.answer(event.request, () => ended()));
  };
}

class Answers {
  readonly #options: AnswerOptions;
  readonly #line: CurrentLine;
  readonly #guard: string;
  #guardHash: Promise<string> | undefined;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#line = new CurrentLine(options.open);
    this.#guard = guardScript(options.place);
  }

  /**
   * Never rejects.
   *
   * @param ended called once nothing more comes of the answer.
   */
  async answer(request: Request, ended: () => void): Promise<Response> {
    const { place } = this.#options;
    const route = routeOf(request, place);
    if (route.to === 'upstream') {
      try {
        return await this.#askUpstream(request, route, ended);
      } catch (error) {
        ended();
        return request.signal.aborted
          ? Response.error()
          : failureResponse(tunnelFailure(error), request, place);
      }
    }
    ended();
    switch (route.to) {
      case 'failure':
        return failureResponse(new TunnelFailure(route.kind, route.detail), request, place);
      case 'guard':
        return new Response(this.#guard, { headers: { 'content-type': 'text/javascript; charset=utf-8' } });
      case 'nowhere':
        return Response.error();
    }
  }

  async #askUpstream(
    request: Request,
    route: Extract<Route, { to: 'upstream' }>,
    ended: () => void,
  ): Promise<Response> {
    const { place } = this.#options;
    const { url, download } = route;
    const body = (await bodyOf(request)) ?? null;
    const init = { method: request.method, headers: requestHeaders(request, place), body };
    const repeatable = !(body instanceof ReadableStream);
    const isShort = repeatable && (body?.size ?? 0) <= MAX_SHORT_BODY;
    const timeoutMs = isShort ? this.#options.responseTimeoutMs : undefined;
    const attempt = (line: HttpLine) =>
      inTime(request.signal, timeoutMs, (signal) => line.fetch(url.href, withDuplex(init, signal)));

    const line = await this.#line.take();
    const answer = await attempt(line).catch(async (error: unknown) => {
      const again = repeatable && IDEMPOTENT.includes(request.method) && isLoss(error);
      if (!again || request.signal.aborted) throw error;
      return attempt(await this.#line.replace(line, TAKE_OVER_MS, request.signal));
    });
    this.#guardHash ??= integrityOf(this.#guard);
    const guardHash = await this.#guardHash;
    const isNavigation = request.mode === 'navigate';
    const typed = isNavigation ? await sniffedDocument(answer) : answer;
    return placedResponse(typed, { place, url, isNavigation, download, guardHash, ended });
  }
}

/**
 * Ends a request that the page gives up, at any time, or whose answer does not begin in time.
 *
 * @param timeoutMs `undefined` while it is not known how long it takes to send the request.
 */
async function inTime(
  given: AbortSignal,
  timeoutMs: number | undefined,
  fetch: (signal: AbortSignal) => Promise<Response>,
): Promise<Response> {
  const controller = new AbortController();
  const abort = () => controller.abort(given.reason);
  given.addEventListener('abort', abort);
  if (given.aborted) abort();
  let timer: ReturnType<typeof setTimeout> | undefined;
  if (timeoutMs !== undefined) {
    const tooLate = new TunnelFailure('timeout', `No answer within ${timeoutMs / 1_000} s.`);
    timer = setTimeout(() => controller.abort(tooLate), timeoutMs);
  }
  try {
    return await fetch(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** A body that is a stream needs it said that the answer comes after it. The browser is to follow redirects itself. */
function withDuplex(init: RequestInit, signal: AbortSignal): RequestInit {
  const streams = init.body instanceof ReadableStream ? { duplex: 'half' } : {};
  return { ...init, ...streams, redirect: 'manual', signal };
}
