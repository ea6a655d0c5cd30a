/** How far into a document its first tag is looked for, and how long a tag may be that is looked at, in bytes. */
const MAX_PROLOGUE = 16 * 1024;
const MAX_TAG = 2 * 1024;

const BYTE_ORDER_MARK = '\xEF\xBB\xBF';

/** White space, a comment, or a declaration. */
const PROLOGUE_PIECE = /^(?:[\t\n\f\r ]+|<!--[^]*?-->|<(?!!--)[!?][^>]*>)/;

const TAG = new RegExp(`<(link|script)(?=[\\s/])[^<>]{0,${MAX_TAG}}>`, 'gi');
const UNFINISHED_TAG = /^<(?:[a-z]{0,6}$|(?:link|script)[\s/])/i;

/**
 * Puts a script in front of everything else in an HTML document, and takes out of the document itself what browsers
 * act on before any script or policy is asked: links that open connections to other hosts (`preconnect`,
 * `dns-prefetch`) and speculation rules. What is taken out is replaced by as many bytes, so that nothing moves.
 *
 * Bytes are not decoded: every encoding in use on the web but UTF-16 has these tags in ASCII, and a document in UTF-16
 * passes as it is.
 *
 * @param script a `<script>` element, in ASCII.
 */
export function documentFilter(script: string): TransformStream<Uint8Array, Uint8Array> {
  let waiting = '';
  let started = false;
  let plain = false;

  const filter = (chunk: string, isLast: boolean): string => {
    waiting += chunk;
    let head = '';
    if (!started) {
      plain = /^(?:\xFE\xFF|\xFF\xFE)/.test(waiting);
      const start = startOf(waiting, isLast);
      if (start === undefined && !plain) return '';
      started = true;
      head = plain ? '' : waiting.slice(0, start) + script;
      waiting = waiting.slice(plain ? 0 : start);
    }
    const end = isLast || plain ? waiting.length : unfinishedAt(waiting);
    const ready = waiting.slice(0, end);
    waiting = waiting.slice(end);
    return head + (plain ? ready : withoutSpeculation(ready));
  };

  return new TransformStream({
    transform: (chunk, controller) => enqueue(controller, filter(textOf(chunk), false)),
    flush: (controller) => enqueue(controller, filter('', true)),
  });
}

/** Where the first element begins; `undefined` while that cannot be told. */
function startOf(text: string, isLast: boolean): number | undefined {
  let at = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  for (;;) {
    const rest = text.slice(at);
    const [piece] = PROLOGUE_PIECE.exec(rest) ?? [];
    if (piece !== undefined) {
      at += piece.length;
      continue;
    }
    // A comment that never ends is none that could be told from the rest.
    if (isLast || text.length > MAX_PROLOGUE) return at;
    const undecided = rest === '' || rest === '<' || /^<[!?]/.test(rest) || BYTE_ORDER_MARK.startsWith(rest);
    return undecided ? undefined : at;
  }
}

/** Where a tag begins that the next chunk may end. */
function unfinishedAt(text: string): number {
  const at = text.lastIndexOf('<');
  const tail = text.slice(at);
  const waits = at >= 0 && tail.length <= MAX_TAG && !tail.includes('>') && UNFINISHED_TAG.test(tail);
  return waits ? at : text.length;
}

function withoutSpeculation(text: string): string {
  return text.replace(TAG, (tag: string, name: string) =>
    name.toLowerCase() === 'link'
      ? tag.replace(/\brel\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)/i, (rel) =>
          rel.replace(/preconnect/gi, 'no-connect').replace(/dns-prefetch/gi, 'no-dns-fetch'),
        )
      : tag.replace(/speculationrules/i, 'no-such-rules---'),
  );
}

/** One character for each byte. */
function textOf(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

function enqueue(controller: TransformStreamDefaultController<Uint8Array>, text: string): void {
  if (text !== '') controller.enqueue(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}
