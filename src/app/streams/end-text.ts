import { SessionError } from '../../browser/index.js';
import { sentence } from '../connect/trouble.js';
import { messageOf } from '../format.js';

/** How a conversation ended, for people. */
export function endText(error: unknown): string {
  if (error === undefined) return 'Ended. Everything that was said has arrived.';
  if (!(error instanceof SessionError)) return sentence(messageOf(error));
  const { code, by, message } = error;
  if (code === 'aborted')
    return by === 'us' ? 'You have given it up.' : 'The other tab has given it up, or left.';
  return TEXTS[code] ?? sentence(message);
}

const TEXTS: Readonly<Partial<Record<SessionError['code'], string>>> = {
  refused: 'The other tab talks to somebody else, or has just left.',
  gone: 'The other tab has left the mixnet, or knows nothing of this conversation any more.',
  timeout: 'The other tab does not answer. Is it still open, and is this its address?',
  lost: 'This tab’s connection to the mixnet is gone, and the conversation with it.',
};
