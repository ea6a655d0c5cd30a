import { el } from './dom.js';

/** Lets the user save the content under that name. */
export function saveAs(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = el('a', { href: url, download: name });
  link.click();
  // The download has begun by then; the URL would hold the bytes for as long as the page lives.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
