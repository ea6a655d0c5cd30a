import type { Failure } from './failures.js';
import type { TunnelOptions } from './tunnel.js';

/** Tabs may run different versions of this library; only the same ones understand each other. */
export const TABS_PROTOCOL_VERSION = 1;

/** What is said in the lobby. */
export type LobbyMessage =
  /** A guest asks, again and again until it is answered. */
  | {
      readonly kind: 'hello';
      readonly version: number;
      readonly guest: string;
      /** What it expects of the tunnel; `undefined` takes any. */
      readonly terms: TunnelTerms | undefined;
    }
  /** The holder has opened the guest's channel. */
  | { readonly kind: 'welcome'; readonly guest: string; readonly holder: string }
  | { readonly kind: 'refused'; readonly guest: string; readonly failure: Failure };

/** What tabs that share a tunnel must agree on. */
export type TunnelTerms = Pick<TunnelOptions, 'traffic'> & {
  /** One or several, in their order. */
  readonly serverAddress: string;
  readonly apiUrl: string;
  /** Name of the server's upstream; empty for its default one. The access token is the holder's, and no tab tells it. */
  readonly upstream: string;
};

export function termsOf({ serverAddresses, traffic, network, wants }: TunnelOptions): TunnelTerms {
  const upstream = wants?.upstream ?? '';
  return {
    serverAddress: serverAddresses.join(' '),
    traffic: traffic ?? 'default',
    apiUrl: network.apiUrl,
    upstream,
  };
}

/** Why a guest cannot be served; `undefined` if it can. */
export function refusal(
  asked: Extract<LobbyMessage, { kind: 'hello' }>,
  held: TunnelTerms,
): Failure | undefined {
  if (asked.version !== TABS_PROTOCOL_VERSION) {
    return identityFailure('Another tab of this site runs another version of nym-tcp-proxy. Reload both.');
  }
  const { terms } = asked;
  const different = terms && NAMES.find(([key]) => terms[key] !== held[key]);
  if (!different) return undefined;
  return identityFailure(
    `Another tab of this site uses the identity with another ${different[1]}. Close it, or give another clientId.`,
  );
}

const NAMES = [
  ['serverAddress', 'server'],
  ['apiUrl', 'network'],
  ['traffic', 'traffic profile'],
  ['upstream', 'upstream'],
] as const;

function identityFailure(message: string): Failure {
  return { kind: 'mixnet', code: 'identity', message };
}
