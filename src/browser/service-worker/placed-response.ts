import { redirectTarget } from '../../http/redirect.js';
import { documentFilter } from './document-filter.js';
import { escapeHtml } from './failure-page.js';
import { TunnelFailure } from './failure.js';
import { guardUrl } from './guard.js';
import { drain, untilEnded } from './incoming-body.js';
import { placedUrl, type Place } from './place.js';
import { responseHeaders } from './response-headers.js';

/** What an answer of the upstream's is made into one for the browser with. */
export interface Placing {
  readonly place: Place;
  /** What was asked of the upstream. */
  readonly url: URL;
  readonly isNavigation: boolean;
  /** The name to keep the body under, if it is to be kept and not shown. */
  readonly download: string | undefined;
  /** Integrity metadata of the guard. */
  readonly guardHash: string;
  /** Called once nothing more comes of the answer. */
  readonly ended: () => void;
}

const MAX_STATUS = 599;

/**
 * The answer as the browser gets it.
 *
 * @throws {TunnelFailure} if it is a redirect to somewhere else.
 */
export function placedResponse(answer: Response, placing: Placing): Response {
  const { place, download, ended, guardHash } = placing;
  // No script can give a response any other.
  const status = Math.min(answer.status, MAX_STATUS);
  const statusText = plainText(answer.statusText);
  const headers = responseHeaders(answer.headers, place, guardHash);
  const location = redirectTarget(answer);
  if (location !== null) {
    void drain(answer.body).then(ended);
    headers.set('location', placedLocation(location, placing));
    headers.delete('content-length');
    return new Response(null, { status, statusText, headers });
  }
  if (download !== undefined && !isAttachment(headers))
    headers.set('content-disposition', attachment(download));
  if (answer.body === null) {
    ended();
    return new Response(null, { status, statusText, headers });
  }
  let body: ReadableStream<Uint8Array> = answer.body;
  if (placing.isNavigation && status !== 206 && isHtml(headers) && !isAttachment(headers)) {
    headers.delete('content-length');
    body = body.pipeThrough(documentFilter(guardElement(headers, placing)));
  }
  return new Response(untilEnded(body, ended), { status, statusText, headers });
}

/** Without the characters that no script can give. */
function plainText(statusText: string): string {
  return statusText.replace(/[^\t -~\x80-\xff]/g, '');
}

/** The browser follows a redirect itself, and comes back here, so that it knows under which URL it got what. */
function placedLocation(location: string, { url, place }: Placing): string {
  if (!URL.canParse(location, url)) throw new TunnelFailure('response', `Location: ${location}`);
  const target = new URL(location, url);
  const placed = placedUrl(target, place);
  if (placed !== undefined) return placed;
  const wantsTls = target.protocol === 'https:' && target.hostname === url.hostname;
  throw new TunnelFailure(wantsTls ? 'https' : 'outside', target.href);
}

/** With its integrity only where a policy asks for it: an update of the worker could bring another guard meanwhile. */
function guardElement(headers: Headers, { place, guardHash }: Placing): string {
  const isAsked = headers.get('content-security-policy')?.includes(guardHash) === true;
  const integrity = isAsked ? ` integrity="${guardHash}"` : '';
  return `<script src="${escapeHtml(new URL(guardUrl(place)).pathname)}"${integrity}></script>`;
}

function isHtml(headers: Headers): boolean {
  return /^\s*text\/html\s*(?:;|$)/i.test(headers.get('content-type') ?? '');
}

function isAttachment(headers: Headers): boolean {
  return /^\s*attachment\s*(?:;|$)/i.test(headers.get('content-disposition') ?? '');
}

function attachment(name: string): string {
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
  return name === '' ? 'attachment' : `attachment; filename*=UTF-8''${encoded}`;
}
