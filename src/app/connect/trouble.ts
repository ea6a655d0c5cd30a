import { MixnetClientError, WireError } from '../../browser/index.js';
import { messageOf } from '../format.js';

/** What did not work, in words for people, and whose fault it was. */
export interface Trouble {
  readonly title: string;
  readonly message: string;
  /** What else than trying again may help. */
  readonly remedy: 'address' | 'forget' | 'passphrase' | undefined;
}

/** Explains why no client started. */
export function explain(error: unknown, keepIdentity: boolean): Trouble {
  const message = sentence(messageOf(error));
  if (error instanceof WireError) {
    return { title: 'This is not a Nym address', message, remedy: 'address' };
  }
  if (!(error instanceof MixnetClientError)) return { title: 'Not connected', message, remedy: undefined };
  const title = TITLES[error.code];
  if (/passphrase/i.test(message)) return { title, message, remedy: 'passphrase' };
  const stale = error.code === 'identity' || error.code === 'gateway';
  return { title, message, remedy: stale && keepIdentity ? 'forget' : undefined };
}

const TITLES: Readonly<Record<MixnetClientError['code'], string>> = {
  network: 'The network cannot be used',
  gateway: 'The gateway cannot be used',
  identity: 'The kept identity cannot be used',
  state: 'Not connected',
  address: 'This is not a Nym address',
  crashed: 'The official client stopped',
};

/** With a capital and a full stop, as it stands alone. */
export function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)…]$/.test(begun) ? begun : `${begun}.`;
}
