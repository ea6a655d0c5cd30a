/** What is under it comes through the tunnel. */
export const SCOPE = '/browse/';

/** No service worker can be had, and why. */
export class NoServiceWorkerError extends Error {
  override readonly name = 'NoServiceWorkerError';
}

/**
 * Makes sure that the service worker answers what is under {@link SCOPE}, with the tunnel of that client id.
 *
 * @throws {NoServiceWorkerError} saying what to do.
 */
export async function startServiceWorker(clientId: string): Promise<void> {
  if (!('serviceWorker' in navigator)) {
    throw new NoServiceWorkerError(
      'This browser offers no service worker here. Leave the private window, or open the page over https or from localhost.',
    );
  }
  const script = new URL(`/service-worker.js?client=${encodeURIComponent(clientId)}`, location.href);
  try {
    const { serviceWorker } = navigator;
    const earlier = await serviceWorker.getRegistration(SCOPE);
    const worker = earlier?.active ?? earlier?.waiting ?? earlier?.installing;
    // One for another identity would stay until its pages are gone.
    if (worker && worker.scriptURL !== script.href) await earlier?.unregister();
    const options = { scope: SCOPE, type: 'module', updateViaCache: 'none' } as const;
    await activated(await serviceWorker.register(script, options));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new NoServiceWorkerError(
      `The service worker does not start: ${why.replace(/\.$/, '')}. Allow this site to keep data in this browser.`,
      { cause: error },
    );
  }
}

/** Takes it out of this browser. @throws what the browser throws. */
export async function forgetServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  await registration?.unregister();
}

function activated(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  return new Promise((resolve, reject) => {
    if (!worker) {
      reject(new Error('The browser has thrown it away.'));
      return;
    }
    const look = () => {
      if (worker.state === 'activated') resolve();
      else if (worker.state === 'redundant') reject(new Error('It failed while it was installed.'));
    };
    worker.addEventListener('statechange', look);
    look();
  });
}
