/**
 * What the demo page may do: headers on everything that is served with it.
 *
 * @module
 */

/**
 * The page runs only its own scripts and WASM, shows only its own frames and sends no forms. Whom it may connect to cannot be
 * narrowed to the mixnet: the gateways of a public network are any hosts with TLS, those of a localnet any ports of this
 * machine. So a script that got into the page could still send something to any `https:` or `wss:` host, or to a
 * server on this machine; that none gets in is what the rest is for.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:* https: wss:",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

/** What a page could ask for and this one never needs. */
const PERMISSIONS_POLICY = [
  'camera',
  'display-capture',
  'geolocation',
  'hid',
  'microphone',
  'midi',
  'payment',
  'publickey-credentials-get',
  'serial',
  'usb',
]
  .map((feature) => `${feature}=()`)
  .join(', ');

/** On every answer, as a worker has the policy of its own script. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'permissions-policy': PERMISSIONS_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
