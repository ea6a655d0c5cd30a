/** An event of an event stream. */
export interface StreamEvent {
  readonly type: string;
  readonly data: string;
  /** The last one that was given, by this event or an earlier one. */
  readonly id: string;
}

/** More than any sensible event has; what is longer is given up. */
const MAX_BUFFERED_CHARACTERS = 1024 * 1024;

/** Reads a `text/event-stream` piece by piece (HTML standard, section 9.2.6). */
export class EventStreamParser {
  #rest = '';
  #first = true;
  #data: string[] = [];
  #size = 0;
  #type = '';
  #id = '';

  /**
   * @param text what came next, cut anywhere.
   * @returns the events that are complete now.
   * @throws {RangeError} if an event is longer than 1 Mi characters.
   */
  push(text: string): StreamEvent[] {
    let pending = this.#rest + text;
    if (this.#first && pending !== '') {
      pending = pending.replace(/^\ufeff/, '');
      this.#first = false;
    }
    // A carriage return at the end may be half of a line's end.
    const held = pending.endsWith('\r') ? '\r' : '';
    const lines = pending.slice(0, pending.length - held.length).split(/\r\n|\r|\n/);
    this.#rest = (lines.pop() ?? '') + held;
    const events = lines.flatMap((line) => this.#line(line));
    if (this.#rest.length + this.#size > MAX_BUFFERED_CHARACTERS) {
      throw new RangeError('An event of the stream is longer than 1 Mi characters.');
    }
    return events;
  }

  #line(line: string): StreamEvent[] {
    if (line === '') return this.#dispatch();
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'data') {
      this.#data.push(value);
      this.#size += value.length;
    } else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    return [];
  }

  #dispatch(): StreamEvent[] {
    const event = { type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id };
    const isEmpty = this.#data.length === 0;
    this.#data = [];
    this.#size = 0;
    this.#type = '';
    return isEmpty ? [] : [event];
  }
}
