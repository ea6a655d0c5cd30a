/**
 * The few parts of a service worker's global scope that are needed here; TypeScript has them only in a library that
 * excludes that of pages.
 *
 * @module
 */

/** An event whose end the browser waits for before it stops the worker. */
export interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

/** A request of a page, or for a page, under the worker's control. */
export interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

export interface ServiceWorkerScope {
  readonly registration: {
    /** The URL under which all pages are controlled. */
    readonly scope: string;
  };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}

/** The scope of the worker that this runs in. */
export function serviceWorkerScope(): ServiceWorkerScope {
  if (!('registration' in globalThis && 'skipWaiting' in globalThis)) {
    throw new TypeError('serveTunnel() is for service workers: call it at the top level of one.');
  }
  return globalThis as unknown as ServiceWorkerScope;
}
