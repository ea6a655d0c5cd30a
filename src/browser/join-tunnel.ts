import { releaseProxy, wrap } from 'comlink';
import { v4 as uuid } from 'uuid';

import { MixnetClientError } from '../mixnet/errors.js';
import { ChannelEndpoint } from './channel-endpoint.js';
import { errorOf, type Failure } from './failures.js';
import { Lifeline, withLifeline } from './lifeline.js';
import { TABS_PROTOCOL_VERSION, type LobbyMessage, type TunnelTerms } from './lobby-messages.js';
import { holdLock, isHeld, untilFree } from '../mixnet/browser/web-locks.js';
import { guestChannel, guestLock, holderLock, lobbyChannel, tunnelLock } from './tab-names.js';
import type { TunnelService } from './tunnel-service.js';

/** A message to nobody is lost, so a guest says hello until it is answered. */
const HELLO_EVERY_MS = 100;

/** The tunnel that another tab holds. */
export interface JoinedTunnel {
  readonly service: TunnelService;
  /** Settles when the other tab no longer holds it, or this one has left. */
  readonly lost: Promise<void>;
  /** Ends this guest's sockets. */
  readonly leave: () => void;
}

const HOLDER_GONE: Failure = {
  kind: 'session',
  code: 'lost',
  by: 'us',
  message: 'the tab that held the connection to the mixnet was closed; connect again',
};

/**
 * Finds the tab that holds the tunnel of a client id.
 *
 * @param terms what the tunnel has to be like.
 * @param signal ends the search.
 * @throws {MixnetClientError} `state` if no tab holds one, `identity` if it is another one than the terms say.
 * @throws the signal's reason.
 */
export async function joinTunnel(
  clientId: string,
  terms: TunnelTerms | undefined,
  signal: AbortSignal,
): Promise<JoinedTunnel> {
  signal.throwIfAborted();
  const guest = uuid();
  const release = await holdLock(guestLock(guest), signal);
  try {
    const holder = await admission(clientId, guest, terms, signal);
    return join(guest, holder, release);
  } catch (error) {
    release();
    throw error;
  }
}

/** Asks until the holder answers; gives back its name. */
async function admission(
  clientId: string,
  guest: string,
  terms: TunnelTerms | undefined,
  signal: AbortSignal,
): Promise<string> {
  const lobby = new BroadcastChannel(lobbyChannel(clientId));
  let timer: ReturnType<typeof setInterval> | undefined;
  let abort: (() => void) | undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      abort = () => reject(signal.reason as Error);
      signal.addEventListener('abort', abort);
      lobby.addEventListener('message', ({ data }: MessageEvent<LobbyMessage>) => {
        if (data.kind === 'hello' || data.guest !== guest) return;
        if (data.kind === 'welcome') resolve(data.holder);
        else reject(errorOf(data.failure));
      });
      const hello: LobbyMessage = { kind: 'hello', version: TABS_PROTOCOL_VERSION, guest, terms };
      const ask = async () => {
        if (!(await isHeld(tunnelLock(clientId)))) throw nobodyThere();
        lobby.postMessage(hello);
      };
      const askOrFail = () => void ask().catch(reject);
      timer = setInterval(askOrFail, HELLO_EVERY_MS);
      askOrFail();
    });
  } finally {
    clearInterval(timer);
    if (abort) signal.removeEventListener('abort', abort);
    lobby.close();
  }
}

function join(guest: string, holder: string, release: () => void): JoinedTunnel {
  const channel = new ChannelEndpoint(guestChannel(guest));
  const remote = wrap<TunnelService>(channel);
  const lifeline = new Lifeline();
  const left = new AbortController();
  const lost = untilFree(holderLock(holder), left.signal)
    .catch(() => undefined)
    .then(() => {
      lifeline.cut(HOLDER_GONE);
      remote[releaseProxy]();
      channel.close();
      release();
    });
  return { service: withLifeline(remote, lifeline), lost, leave: () => left.abort() };
}

function nobodyThere(): MixnetClientError {
  return new MixnetClientError(
    'state',
    'No tab of this site is connected to the mixnet. Open the app, let it connect, and try again.',
  );
}
