/**
 * The pages of the demo upstream.
 *
 * @module
 */

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --dim: #5b6675; --paper: #fbfaf7; --line: #dcd8cf; --mark: #0a6d5a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e3dc; --dim: #9aa3ad; --paper: #15181d; --line: #343a43; --mark: #63d0b4; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 44rem; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 1.05rem/1.6 system-ui, sans-serif; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; line-height: 1.2; letter-spacing: -.02em; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.15rem; }
a { color: var(--mark); }
code, output { font: .9rem/1.5 ui-monospace, monospace; }
ol { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1.5rem 0; padding: 0; list-style: none; }
ol li { padding: .2rem .7rem; border: 1px solid var(--line); border-radius: 2rem; font-size: .9rem; }
ol li.mixnet { border-color: var(--mark); color: var(--mark); }
dt { margin-top: .75rem; font-weight: 600; }
dd { margin: 0; color: var(--dim); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--dim); font-size: .9rem; }
`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

const TUNNELLED = `<h1>This page came through a mixnet</h1>
<p>Every byte of it, and of your request, went this way and back:</p>`;

const DIRECT = `<h1>This page came without a mixnet</h1>
<p>You asked the upstream itself. Ask the tunnel's port, and every byte goes this way and back:</p>`;

/** @param direct whether the request came to the upstream's own port and not through a tunnel. */
export function indexPage(direct: boolean): string {
  return page(
    'nym-tcp-proxy demo',
    `${direct ? DIRECT : TUNNELLED}
<ol>
<li>your browser</li>
<li>NymProxyClient</li>
<li class="mixnet">entry gateway</li>
<li class="mixnet">mix node</li>
<li class="mixnet">mix node</li>
<li class="mixnet">mix node</li>
<li class="mixnet">gateway</li>
<li>NymProxyServer</li>
<li>this web server</li>
</ol>
<p>Neither your browser nor this server knows of it: to both it is a plain TCP connection.
<a href="/about.html">How that works</a>.</p>
<h2>To try</h2>
<dl>
<dt><a href="/large.bin">/large.bin</a></dt>
<dd>1 MiB that looks random and is always the same; <code>?mib=8</code> for more.
Its hash: <a href="/large.bin.sha256">/large.bin.sha256</a></dd>
<dt><a href="/events">/events</a></dt>
<dd>one event a second: <output id="event">…</output></dd>
<dt>/echo</dt>
<dd>gives back what is posted: <code>curl --data hello …/echo</code></dd>
<dt>/upload</dt>
<dd>says the hash and size of what is posted: <code>curl --data-binary @file …/upload</code></dd>
</dl>
<footer>The demo upstream of nym-tcp-proxy.</footer>
<script>
new EventSource('/events').onmessage = (event) => { document.getElementById('event').textContent = event.data; };
</script>`,
  );
}

export const ABOUT_PAGE = page(
  'How it works',
  `<h1>How a page comes through a mixnet</h1>
<p>NymProxyClient listens on a port of your machine. What your browser sends there is cut into messages, and each message
into Sphinx packets: all of one size, wrapped in one layer of encryption for each node on the way.</p>
<p>Each mix node takes off one layer, waits a random moment, and passes the packet on among others. It knows the node
before and the node after it and nothing else, so nobody on the way can tell who talks to whom.</p>
<p>At the other end NymProxyServer puts the messages in order and writes them to this web server. It does not know your
address: the answer travels in reply packets, SURBs, that the client has addressed to itself and sent along.</p>
<p>In the demo all of them run on your machine: it shows the way and hides nothing.</p>
<footer><a href="/">Back</a></footer>`,
);

export const NOT_FOUND_PAGE = page(
  'Not here',
  `<h1>Not here</h1>
<p>This server has no such page.</p>
<footer><a href="/">To the first page</a></footer>`,
);
