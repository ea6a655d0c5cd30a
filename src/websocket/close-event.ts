/** Node has a CloseEvent of its own from version 23 on. */
const Native = (globalThis as { readonly CloseEvent?: typeof CloseEvent }).CloseEvent;

class OwnCloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor({ code, reason, wasClean }: Required<Pick<CloseEvent, 'code' | 'reason' | 'wasClean'>>) {
    super('close');
    this.code = code;
    this.reason = reason;
    this.wasClean = wasClean;
  }
}

/** A `close` event, of the platform's own class where it has one. */
export function closeEvent(code: number, reason: string, wasClean: boolean): Event {
  const init = { code, reason, wasClean };
  return Native === undefined ? new OwnCloseEvent(init) : new Native('close', init);
}
