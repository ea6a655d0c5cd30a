import assert from 'node:assert/strict';
import { deflateRawSync, gzipSync } from 'node:zlib';

import { TunnelFetchError } from '../../src/http/errors.js';
import { Inflater } from '../../src/http/inflate.js';
import { ResponseParser } from '../../src/http/response-parser.js';
import { ANSWERS } from '../http/answers.js';
import { mutate } from './messages.js';
import type { Random } from './random.js';

/** What a run came to. */
export interface HttpFuzzReport {
  readonly inputs: number;
  /** Of the inputs, those that were read to their end. */
  readonly complete: number;
  /** Of the coded bodies, those that were decoded. */
  readonly inflated: number;
}

const MAX_CUTS = 6;

/** More than any input inflates to that is not mutated. */
const ENOUGH_BYTES = 1 << 20;

/**
 * Feeds mutated responses to the parser and mutated bodies to the decoder, whole and in pieces, and checks that nothing
 * but a typed error comes out, and that pieces make no difference.
 */
export function fuzzHttp(inputs: number, random: Random): HttpFuzzReport {
  const bodies = ['text', 'a'.repeat(1000), String.fromCharCode(...random.bytes(200))].map((text) =>
    Buffer.from(text),
  );
  const short = ANSWERS.map(({ answer }) => answer).filter(({ length }) => length < 500);
  let complete = 0;
  let inflated = 0;
  for (let n = 0; n < inputs; n += 1) {
    const answer = Buffer.from(short[random.below(short.length)] ?? '', 'latin1');
    const bytes = mutate(random, new Uint8Array(answer));
    const whole = parsed([bytes]);
    assert.deepEqual(parsed(cut(random, bytes)), whole);
    if (whole !== undefined) complete += 1;

    const body = bodies[random.below(bodies.length)] ?? Buffer.alloc(0);
    const isGzip = random.chance(0.5);
    const coded = mutate(random, new Uint8Array(isGzip ? gzipSync(body) : deflateRawSync(body)));
    const format = isGzip ? 'gzip' : 'deflate';
    const output = inflate(format, [coded]);
    assert.deepEqual(inflate(format, cut(random, coded)), output);
    if (output !== undefined) inflated += 1;
  }
  return { inputs, complete, inflated };
}

function cut(random: Random, bytes: Uint8Array): Uint8Array[] {
  const places = Array.from({ length: random.below(MAX_CUTS) }, () => random.below(bytes.length + 1));
  const ends = [...places.sort((a, b) => a - b), bytes.length];
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** The response, if it is complete. */
function parsed(pieces: readonly Uint8Array[]): unknown {
  const parser = new ResponseParser('GET');
  try {
    for (const piece of pieces) parser.feed(piece);
    parser.finish();
  } catch (error) {
    assert.ok(error instanceof TunnelFetchError, String(error));
    return undefined;
  }
  const { head, keepAliveMs } = parser;
  const body = Buffer.concat(parser.takePieces()).toString('latin1');
  return [head?.status, head?.statusText, [...(head?.headers ?? [])], keepAliveMs, body];
}

function inflate(format: 'gzip' | 'deflate', pieces: readonly Uint8Array[]): string | undefined {
  const inflater = new Inflater(format);
  const output: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (const piece of pieces) {
      inflater.push(piece);
      for (let out = inflater.read(); out !== undefined && bytes < ENOUGH_BYTES; out = inflater.read()) {
        output.push(out);
        bytes += out.length;
      }
    }
    inflater.finish();
  } catch (error) {
    // The client makes a typed error of it.
    assert.ok(
      error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError),
      String(error),
    );
    return undefined;
  }
  return Buffer.concat(output).toString('latin1');
}
