import { MixnetClientError } from './errors.js';
import type { Network } from './network.js';

/** What a client was started with, as far as it explains a failure. */
export interface StartContext {
  readonly network: Network;
  /** Base58 identity. */
  readonly gateway: string;
  /** If the gateway was remembered by an earlier start. */
  readonly identity: RememberedIdentity | undefined;
}

/** An identity that an earlier start left, in words for people. */
export interface RememberedIdentity {
  /** As in "the identity in /var/nym/identity". */
  readonly name: string;
  /** How to be rid of it, as in "move /var/nym/identity away". */
  readonly forget: string;
}

/** Whether the gateway refused a client because it had let it in within the same second before. */
export function isSameSecond(error: unknown): boolean {
  return error instanceof MixnetClientError && /timestamp is smaller or equal/i.test(error.message);
}

/** Explains in one line of ours why a client did not start; the official client's own words follow. */
export function explainStartFailure(failure: unknown, context: StartContext): MixnetClientError {
  const { network, gateway, identity } = context;
  const words = (failure instanceof Error ? failure.message : String(failure)).replaceAll(/\s+/g, ' ');
  const explain = (code: MixnetClientError['code'], what: string) =>
    new MixnetClientError(code, `${what} (The official client says: ${words})`, { cause: failure });
  const otherGateway =
    identity === undefined
      ? 'Try again, or use another gateway.'
      : `If it stays so, ${identity.forget} and start again: the client gets another gateway, and with it ` +
        'another Nym address.';

  if (failure instanceof MixnetClientError && failure.code === 'crashed') {
    if (/could not be loaded/.test(words)) return failure;
    const what = `${words} It was starting; the directory ${network.apiUrl} may have told it nonsense. Try again.`;
    return new MixnetClientError('crashed', what, { cause: failure });
  }
  if (/passphrase|storage encryption/i.test(words)) {
    return explain('identity', `The passphrase does not open ${identity?.name ?? 'the identity in memory'}.`);
  }
  if (/no node with identity|no gateway with id|does not support mixnet entry/i.test(words)) {
    return explain(
      'gateway',
      `The gateway ${gateway} is gone from the network ${network.name}. ${otherGateway}`,
    );
  }
  if (/not registered|authentication failure/i.test(words)) {
    return explain('gateway', `The gateway ${gateway} does not know this client any more. ${otherGateway}`);
  }
  if (/only accepting coconut credentials/i.test(words)) {
    return explain(
      'gateway',
      `The gateway ${gateway} gives bandwidth only for paid credentials, which this client does not have. ${otherGateway}`,
    );
  }
  if (/topology seem|nym api/i.test(words)) {
    return explain(
      'network',
      `The network ${network.name} cannot be used (${network.apiUrl}). Try again later.`,
    );
  }
  return explain('gateway', `The gateway ${gateway} does not answer or refuses the client. ${otherGateway}`);
}
