/** What a request for a URL names: its path and query, also a query that is empty. */
export function requestTarget({ href }: URL): string {
  const start = href.indexOf('/', href.indexOf('//') + 2);
  const end = href.indexOf('#');
  return href.slice(start, end === -1 ? undefined : end);
}
