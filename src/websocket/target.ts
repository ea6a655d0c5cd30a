/**
 * What the constructor of a WebSocket is given.
 *
 * @module
 */

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;

/**
 * The `ws:` or `wss:` URL without a fragment.
 *
 * @throws {DOMException} `SyntaxError` if there is none to connect to.
 */
export function parseTarget(text: string | URL): URL {
  if (!URL.canParse(text)) throw syntaxError(`"${String(text)}" is no absolute URL.`);
  const url = new URL(text);
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw syntaxError(`${url.protocol} is not possible; use ws: or wss:.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw syntaxError('A URL with a user name or password is not possible; send them in a message.');
  }
  url.hash = '';
  return url;
}

/**
 * The protocols to offer.
 *
 * @throws {DOMException} `SyntaxError` if one is no token or comes twice.
 */
export function parseProtocols(given: string | readonly string[]): readonly string[] {
  const protocols = (typeof given === 'string' ? [given] : [...given]).map(String);
  const wrong = protocols.find((protocol) => !TOKEN.test(protocol));
  if (wrong !== undefined) throw syntaxError(`"${wrong}" is no name of a protocol.`);
  if (new Set(protocols).size < protocols.length) throw syntaxError('A protocol is named twice.');
  return protocols;
}

function syntaxError(message: string): DOMException {
  return new DOMException(message, 'SyntaxError');
}
