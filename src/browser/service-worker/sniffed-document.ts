/** As far into a document as browsers look for what it is (MIME Sniffing standard, section 7). */
const SNIFFED_BYTES = 1445;

/** Types that say nothing, with which browsers look for themselves. */
const UNKNOWN_TYPE = /^\s*(?:unknown\/unknown|application\/unknown|\*\/\*)?\s*(?:;|$)/i;

/** What makes a document without a type one in HTML (section 7.1), and a little more, so that no browser takes more for it. */
const HTML =
  /^(?:\xEF\xBB\xBF)?[\t\n\f\r ]*<(?:!--|(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\t\n\f\r />])/i;

/** Longer than any of these beginnings; what is not one by then is none. */
const LONGEST_BEGINNING = 16;

/**
 * A document whose type nobody has told, as the browser would take it: HTML if it begins like it, so that what is done
 * with pages is done with it too. Everything else is left to the browser.
 */
export async function sniffedDocument(answer: Response): Promise<Response> {
  const { body, status, statusText } = answer;
  if (body === null || !UNKNOWN_TYPE.test(answer.headers.get('content-type') ?? '')) return answer;
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let text = '';
  while (text.length < SNIFFED_BYTES && text.replace(/^[\s\xEF\xBB\xBF]+/, '').length < LONGEST_BEGINNING) {
    const { value } = await reader.read();
    if (value === undefined) break;
    chunks.push(value);
    text += String.fromCharCode(...value.subarray(0, SNIFFED_BYTES));
  }
  const headers = new Headers(answer.headers);
  if (HTML.test(text)) headers.set('content-type', 'text/html');
  return new Response(withBeginning(chunks, reader), { status, statusText, headers });
}

function withBeginning(
  chunks: readonly Uint8Array[],
  rest: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  const beginning = [...chunks];
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = beginning.shift() ?? (await rest.read()).value;
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => rest.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
