import { parseAccessToken, proveAccess } from '../../src/session/access-proof.js';
import { encodeFrames, type Frame } from '../../src/wire/frame.js';
import type { OpenRequest } from '../../src/wire/open-request.js';
import { encodeProxiedMessage, type ProxiedMessageKind } from '../../src/wire/proxied-message.js';
import { encodeStreamFrame, newStreamId, type StreamFrameType } from '../../src/wire/stream-frame.js';
import { RESET_CODES, type ResetCode } from '../../src/wire/reset-code.js';
import { newSessionId, sessionIdFromBytes, type SessionId } from '../../src/wire/session-id.js';
import { encodeLaneRecord, type LaneRecord } from '../../src/wire/lane-record.js';
import type { Random } from './random.js';

/** The token of the fuzzed server. */
export const FUZZ_TOKEN = 'correct-horse-battery';

const RESETS = Object.keys(RESET_CODES) as [ResetCode, ...ResetCode[]];

/** Connections over several lanes. */
const CONNECTIONS = ['00000000-0000-4000-8000-000000000000', '11111111-1111-4111-9111-111111111111'] as const;

/** Where things are likely to break. */
const EDGES = [
  0,
  1,
  63,
  64,
  16_383,
  16_384,
  65_535,
  65_536,
  393_216,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 31,
  2 ** 53 - 2,
] as const;

/** Session ids of which some come again and again, so that sessions are met in all their states. */
export class Ids {
  readonly #random: Random;
  readonly #draw: () => SessionId;
  readonly #known: SessionId[] = [];
  /** One that does not come again, so that its session would stay open for ever. */
  retired: SessionId | undefined;

  /** @param draw makes a new id. */
  constructor(random: Random, draw: () => SessionId) {
    this.#random = random;
    this.#draw = draw;
  }

  next(): SessionId {
    const random = this.#random;
    if (this.#known.length > 0 && random.chance(0.9)) {
      return this.#known[random.below(this.#known.length)] ?? '';
    }
    const id = this.#draw();
    if (this.#known.length < 40) this.#known.push(id);
    else [this.retired] = this.#known.splice(random.below(40), 1, id);
    return id;
  }
}

/** Ids of sessions of the TCP proxy, most of which say that their opener is ours. */
export function proxyIds(random: Random): Ids {
  return new Ids(random, () => (random.chance(0.8) ? newSessionId() : sessionIdFromBytes(random.bytes(16))));
}

/** Ids of streams. */
export function streamIds(random: Random): Ids {
  return new Ids(random, newStreamId);
}

/** A valid message of any type, about one of the streams. */
export function validStreamFrame(random: Random, ids: Ids): Uint8Array {
  const streamId = ids.next();
  const type = random.pick<StreamFrameType>(['open', 'data', 'data', 'frames', 'frames', 'frames']);
  const sequence = random.chance(0.8) ? random.below(12) : random.below(2 ** 32);
  const reserved = random.chance(0.7) ? 1 : random.below(256);
  const frames = () => Array.from({ length: 1 + random.below(4) }, () => frame(random, streamId));
  const payload = type === 'frames' ? encodeFrames(frames()) : random.bytes(random.below(40));
  return encodeStreamFrame({ streamId, type, sequence, reserved, payload });
}

/** The end of a stream that does not come again. */
export function retiringStreamFrame(ids: Ids): Uint8Array | undefined {
  const { retired } = ids;
  if (retired === undefined) return undefined;
  ids.retired = undefined;
  const payload = encodeFrames([{ type: 'reset', code: 'aborted' }]);
  return encodeStreamFrame({ streamId: retired, type: 'frames', sequence: 0, reserved: 0, payload });
}

/** A valid message of any kind, about one of the sessions. */
export function validMessage(random: Random, ids: Ids): Uint8Array {
  const sessionId = ids.next();
  const messageId = random.chance(0.7) ? random.below(8) : random.below(65_536);
  const kind = random.pick<ProxiedMessageKind>(['frames', 'frames', 'frames', 'data', 'close']);
  if (kind !== 'frames') {
    const body = kind === 'data' ? random.bytes(random.below(40)) : new Uint8Array();
    return encodeProxiedMessage({ sessionId, messageId, kind, body });
  }
  const frames = Array.from({ length: 1 + random.below(4) }, () => frame(random, sessionId));
  return encodeProxiedMessage({ sessionId, messageId, kind, body: encodeFrames(frames) });
}

/** The end of a session that does not come again, so that its place is free for another. */
export function retiringMessage(ids: Ids): Uint8Array | undefined {
  const { retired } = ids;
  if (retired === undefined) return undefined;
  ids.retired = undefined;
  const body = encodeFrames([{ type: 'reset', code: 'aborted' }]);
  return encodeProxiedMessage({ sessionId: retired, messageId: 0, kind: 'frames', body });
}

/** A stream of valid lane records. */
export function laneRecords(random: Random): Uint8Array {
  const records = Array.from({ length: 1 + random.below(4) }, (): LaneRecord => {
    const offset = integer(random);
    switch (random.below(4)) {
      case 0:
        return { type: 'end', offset };
      case 1:
        return { type: 'welcome', addresses: [] };
      case 2:
        return { type: 'ack', offset, limit: integer(random) };
      default:
        return { type: 'data', offset, bytes: random.bytes(1 + random.below(60)) };
    }
  });
  return Uint8Array.from(records.flatMap((record) => [...encodeLaneRecord(record)]));
}

/** Another message, made of a valid one or of nothing. */
export function mutate(random: Random, valid: Uint8Array): Uint8Array {
  if (random.chance(0.05)) return random.bytes(random.below(200));
  let bytes: Uint8Array = valid.slice();
  for (let times = random.below(4); times > 0; times -= 1) bytes = change(random, bytes);
  return bytes;
}

function frame(random: Random, sessionId: SessionId): Frame {
  const offset = integer(random);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return {
        type: 'open',
        version: 1,
        window: offset,
        ...(random.chance(0.9) && { request: request(random, sessionId) }),
      };
    case 3:
      return { type: 'opened', version: random.below(300), window: offset };
    case 4:
      return { type: 'ack', offset, window: integer(random) };
    case 5:
      return { type: 'fin', offset };
    case 6:
      return { type: 'reset', code: random.pick(RESETS) };
    case 7:
      return { type: 'route', counter: integer(random) };
    case 8:
      return { type: random.pick(['ping', 'pong']), value: integer(random) };
    default:
      return {
        type: 'data',
        offset,
        bytes: random.chance(0.1) ? laneRecords(random) : random.bytes(random.below(30)),
      };
  }
}

function request(random: Random, sessionId: SessionId): OpenRequest {
  const upstream = random.pick(['', '', 'web', 'nowhere']);
  const lane = { connection: random.pick(CONNECTIONS), number: random.below(4) };
  const name = { ...(upstream !== '' && { upstream }), ...(random.chance(0.2) && { lane }) };
  if (random.chance(0.1)) return name;
  const time = Math.floor(Date.now() / 1000) + (random.chance(0.1) ? integer(random) : 0);
  const token = parseAccessToken(random.chance(0.9) ? FUZZ_TOKEN : 'incorrect-horse-battery');
  return { ...name, proof: proveAccess(token, { recipient: 'server', sessionId, upstream, time }) };
}

/** Mostly small, so that what is sent fits together now and then. */
function integer(random: Random): number {
  if (random.chance(0.7)) return random.below(60);
  return EDGES[random.below(EDGES.length)] ?? 0;
}

function change(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  switch (random.below(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return Uint8Array.of(...bytes, ...random.bytes(random.below(20)));
    case 2:
      return Uint8Array.of(
        ...bytes.subarray(0, at),
        ...random.bytes(1 + random.below(4)),
        ...bytes.subarray(at),
      );
    case 3:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(random.below(bytes.length + 1)));
    case 4:
      bytes[at] = random.pick([0, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff]);
      return bytes;
    default:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
  }
}
