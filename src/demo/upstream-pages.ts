/**
 * The pages of the demo upstream. All their links are relative, so that they hold wherever the pages are shown.
 *
 * @module
 */

/** @param root the way to the first page, without its name. */
function page(title: string, body: string, root = ''): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}style.css">
</head>
<body>
${body}
</body>
</html>
`;
}

const TUNNELLED = `<h1>This page came through a mixnet</h1>
<p>Every byte of it, of this picture, and of your requests went this way and back:</p>`;

const DIRECT = `<h1>This page came without a mixnet</h1>
<p>You asked the upstream itself. Ask the tunnel, and every byte goes this way and back:</p>`;

/** @param direct whether the request came to the upstream's own port and not through a tunnel. */
export function indexPage(direct: boolean): string {
  return page(
    'nym-tcp-proxy demo',
    `${direct ? DIRECT : TUNNELLED}
<img src="way.svg" width="872" height="84" alt="you, client, gateway, three mix nodes, gateway, server, this site">
<p>This server knows nothing of it: to it this is a plain TCP connection.
<a href="about.html">How that works</a></p>
<h2>To try</h2>
<dl>
<div><dt><a href="large.bin">large.bin</a></dt>
<dd>1 MiB that looks random and is always the same; <code>?mib=8</code> for more; ranges work</dd></div>
<div><dt><a href="large.bin.sha256">large.bin.sha256</a></dt>
<dd>its hash, as <code>sha256sum -c</code> reads it</dd></div>
<div><dt><a href="events">events</a></dt>
<dd>one a second: <output id="event">…</output></dd></div>
<div><dt>echo</dt>
<dd>gives back what is posted</dd></div>
<div><dt>upload</dt>
<dd>says hash and size of what is posted</dd></div>
<div><dt>ws</dt>
<dd>a WebSocket that gives back every message</dd></div>
<div><dt>TCP</dt>
<dd>what begins like no HTTP request is given back as it came</dd></div>
</dl>
<footer>The demo upstream of nym-tcp-proxy</footer>
<script src="index.js"></script>`,
  );
}

/** What the first page does. */
export const INDEX_SCRIPT = `new EventSource('events').onmessage = (event) => {
  document.getElementById('event').textContent = event.data;
};
`;

export const ABOUT_PAGE = page(
  'How it works',
  `<h1>How a page comes through a mixnet</h1>
<p>The client, a program on your machine or a part of a web page, cuts what your browser sends into messages, and each
message into Sphinx packets: all of one size, wrapped in one layer of encryption for each node on the way.</p>
<p>Each mix node takes off one layer, waits a random moment, and passes the packet on among others. It knows the node
before and the node after it and nothing else, so nobody on the way can tell who talks to whom.</p>
<p>At the other end the server puts the messages in order and writes them to this site. It does not know your address:
the answer travels in reply packets, SURBs, that the client has addressed to itself and sent along.</p>
<p>In the demo all of them run on your machine: it shows the way and hides nothing.</p>
<footer><a href="./">Back</a></footer>`,
);

/** @param path of the request. */
export function notFoundPage(path: string): string {
  const root = '../'.repeat(path.split('/').length - 2);
  return page(
    'Not here',
    `<h1>Not here</h1>
<p>This server has no such page.</p>
<footer><a href="${root}./">To the first page</a></footer>`,
    root,
  );
}
