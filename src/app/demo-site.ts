import type { Network, TrafficProfile } from '../browser/index.js';

/** What the program that serves this page says about itself at `/demo.json`. */
export interface DemoSite {
  readonly network: Network;
  /** Whether that is a localnet, which can be asked of its nodes. */
  readonly localnet: boolean;
  /** Nym address. */
  readonly serverAddress: string;
  /** `host:port` of what is behind the server. */
  readonly upstream: string;
  /** Whether that is the demo's own, so that its paths are known. */
  readonly demoUpstream: boolean;
  /** What the server itself uses. */
  readonly traffic: TrafficProfile;
}

/** Asks; `undefined` if the page is served by something else. Never rejects. */
export async function readDemoSite(): Promise<DemoSite | undefined> {
  try {
    const response = await fetch('/demo.json', { cache: 'no-store' });
    return response.ok ? parseDemoSite(await response.json()) : undefined;
  } catch {
    return undefined;
  }
}

function parseDemoSite(value: unknown): DemoSite | undefined {
  const { network, localnet, serverAddress, upstream, demoUpstream, traffic } = fields(value);
  const { name, apiUrl } = fields(network);
  if (typeof name !== 'string' || typeof apiUrl !== 'string' || !URL.canParse(apiUrl)) return undefined;
  if (typeof serverAddress !== 'string' || typeof upstream !== 'string') return undefined;
  const demo = demoUpstream === true;
  return {
    network: { name, apiUrl },
    localnet: localnet === true,
    serverAddress,
    upstream,
    demoUpstream: demo,
    traffic: trafficOf(traffic) ?? 'fast',
  };
}

/** The profile of that name, if there is one. */
export function trafficOf(value: unknown): TrafficProfile | undefined {
  return value === 'default' || value === 'bulk' || value === 'fast' ? value : undefined;
}

/** The fields of an object that somebody else wrote; none if it is no object. */
export function fields(value: unknown): Readonly<Partial<Record<string, unknown>>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
