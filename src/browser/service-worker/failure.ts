import { TunnelFetchError } from '../../http/errors.js';
import { MixnetClientError } from '../../mixnet/errors.js';
import { SessionError } from '../../session/errors.js';

/** Why a request was not answered by the upstream. */
export type FailureKind =
  | 'no-tab'
  | 'mixnet'
  | 'lost'
  | 'refused'
  | 'unreachable'
  | 'broken'
  | 'timeout'
  | 'limit'
  | 'token'
  | 'response'
  | 'https'
  | 'outside';

/** What is said about it. */
export interface FailureTexts {
  readonly status: number;
  /** Error type (RFC 9209 section 2.3). */
  readonly error: string;
  readonly title: string;
  readonly text: string;
  /** Whether the same request may succeed later. */
  readonly passing: boolean;
}

export const FAILURES: Readonly<Record<FailureKind, FailureTexts>> = {
  'no-tab': {
    status: 503,
    error: 'proxy_configuration_error',
    title: 'Not connected to the mixnet',
    text: 'Pages come here through the connection that a tab of the app holds. This one loads by itself as soon as there is one.',
    passing: true,
  },
  mixnet: {
    status: 503,
    error: 'destination_unavailable',
    title: 'No way into the mixnet',
    text: 'The tab that connects to the mixnet could not open a connection. Look there for what is wrong.',
    passing: true,
  },
  lost: {
    status: 503,
    error: 'connection_terminated',
    title: 'The connection to the mixnet is gone',
    text: 'The tab that held it was closed, or lost its gateway. As soon as a tab is connected again, this page loads by itself.',
    passing: true,
  },
  refused: {
    status: 502,
    error: 'connection_refused',
    title: 'The server refused the connection',
    text: 'The mixnet carried the request, but nothing answers at the address that the proxy server forwards to. It may not be running.',
    passing: true,
  },
  unreachable: {
    status: 502,
    error: 'destination_ip_unroutable',
    title: 'The server cannot be reached',
    text: 'The mixnet carried the request, but the proxy server finds no way to the address that it forwards to.',
    passing: true,
  },
  broken: {
    status: 502,
    error: 'connection_terminated',
    title: 'The server hung up',
    text: 'The connection ended before there was an answer.',
    passing: true,
  },
  timeout: {
    status: 504,
    error: 'http_response_timeout',
    title: 'No answer in time',
    text: 'Neither the proxy server nor the server behind it answered. The proxy server may be off, its address may be another one, or the network may be slow.',
    passing: true,
  },
  limit: {
    status: 503,
    error: 'connection_limit_reached',
    title: 'Too many connections',
    text: 'As many connections are open as there may be. Some will end soon.',
    passing: true,
  },
  token: {
    status: 502,
    error: 'http_request_denied',
    title: 'The proxy server wants an access token',
    text: 'It takes connections only from who has its token. Connect again with the right one.',
    passing: false,
  },
  response: {
    status: 502,
    error: 'http_protocol_error',
    title: 'The answer makes no sense',
    text: 'What came back is not HTTP/1.1 as it should be. The proxy server may forward to something that is not a web server.',
    passing: true,
  },
  https: {
    status: 502,
    error: 'proxy_configuration_error',
    title: 'The server wants https',
    text: 'It sends the browser on to an address with https, which is not spoken inside the tunnel; the tunnel encrypts by itself. Have the proxy server forward to where the server speaks plain HTTP.',
    passing: false,
  },
  outside: {
    status: 403,
    error: 'http_request_denied',
    title: 'That leads out of the mixnet',
    text: 'The address below is not on the server that the tunnel leads to. It was not opened, and nobody was asked for it.',
    passing: false,
  },
};

/** A request was not answered, and why. */
export class TunnelFailure extends Error {
  override readonly name = 'TunnelFailure';
  readonly kind: FailureKind;

  /** @param detail what exactly, for the reader. */
  constructor(kind: FailureKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** Tells what went wrong from an error, its cause, or the cause of that. */
export function tunnelFailure(error: unknown): TunnelFailure {
  for (const one of causes(error)) {
    if (one instanceof TunnelFailure) return one;
    if (one instanceof SessionError) return new TunnelFailure(kindOfSessionError(one), one.message);
    if (one instanceof MixnetClientError) {
      return new TunnelFailure(one.code === 'state' ? 'no-tab' : 'mixnet', one.message);
    }
  }
  const kind = error instanceof TunnelFetchError ? kindOfFetchError(error) : 'response';
  return new TunnelFailure(kind, error instanceof Error ? error.message : String(error));
}

/** Whether the mixnet client went away, so that another may do. */
export function isLoss(error: unknown): boolean {
  return tunnelFailure(error).kind === 'lost';
}

/** Those that have no cause that says more. */
function kindOfFetchError({ code }: TunnelFetchError): FailureKind {
  if (code === 'connection') return 'broken';
  return code === 'closed' ? 'lost' : 'response';
}

function kindOfSessionError({ code }: SessionError): FailureKind {
  switch (code) {
    case 'refused':
    case 'unreachable':
    case 'timeout':
    case 'limit':
    case 'token':
    case 'lost':
      return code;
    case 'no-upstream':
      return 'unreachable';
    case 'protocol':
      return 'response';
    case 'unknown':
    case 'upstream-reset':
    case 'gone':
    case 'aborted':
      return 'broken';
  }
}

const MAX_CAUSES = 8;

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && chain.length < MAX_CAUSES;) {
    chain.push(one);
    one = one instanceof Error ? one.cause : undefined;
  }
  return chain;
}
