import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { base64 } from '@scure/base';
import { signedPart } from '../../src/localnet/gateway/authentication.js';
import { concat } from '../../src/localnet/gateway/bytes.js';
import { answerHello, clientProofIsValid, readHello } from '../../src/localnet/gateway/handshake.js';
import { open, seal } from '../../src/localnet/gateway/shared-key.js';
import { exchangeKeyFromBytes, identityFromSeed } from '../../src/localnet/keys.js';

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));
const repeat = (byte: number, length: number) => new Uint8Array(length).fill(byte);

// gateway.md section 3.1
const client = identityFromSeed(repeat(0x11, 32));
const gateway = identityFromSeed(repeat(0x22, 32));
const clientEphemeral = exchangeKeyFromBytes(repeat(0x33, 32));
const gatewayEphemeral = exchangeKeyFromBytes(repeat(0x44, 32));
const salt = repeat(0x55, 16);
const secret = bytes('3c528e9fd39731b15d10de8feb5f71d3f65b73c993581dedb03315a9ed177730');
const frame2 =
  'ff2ee45601ec1b67310c7790404585ae697331eee1c1f8cf2419731c1fff3e6b' +
  '4952d39018febf23baafd47d5aa439ad8c55d9748972e1490b1679a1e7be8a6ccc2ea88539ffb2f23ee8d6ee2028774e' +
  '50a06d52cfcdde0adf7e08b6eddd8bbd33f305b6fba810f7f58d0cf77cde269e' +
  '66'.repeat(12);
const frame3 =
  'ed03418dede7517d66121f76676ac7913818064bf5f40bdb1b32521fb29e32833f438bafcbd5167b39075a46f4bbc633' +
  '73809be13451279542467fb0b1c6f711f7fe39723582d35453eb88f17c281f98' +
  '77'.repeat(12);

describe('the handshake vector of the protocol document', () => {
  const hello = readHello(concat(client.publicKey, clientEphemeral.publicKey, salt));
  assert(hello);
  const answer = answerHello(gateway, hello, gatewayEphemeral, repeat(0x66, 12));
  assert(answer);
  const { key } = answer;

  it('has these public keys and this secret', () => {
    assert.equal(hex(client.publicKey), 'd04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737');
    assert.equal(hex(gateway.publicKey), 'a09aa5f47a6759802ff955f8dc2d2a14a5c99d23be97f864127ff9383455a4f0');
    assert.equal(
      hex(clientEphemeral.publicKey),
      '7b0d47d93427f8311160781c7c733fd89f88970aef490d8aa0ee19a4cb8a1b14',
    );
    assert.equal(hex(clientEphemeral.agree(gatewayEphemeral.publicKey)), hex(secret));
  });

  it('derives this shared key', () => {
    assert.equal(hex(key), '14253fa410f900a1b5581b735c148bf5726b07cefdb0119b80a00c6417d60a36');
  });

  it('answers the client with these bytes', () => assert.equal(hex(answer.data), frame2));

  it('accepts the proof of the client, and no other', () => {
    assert.equal(clientProofIsValid(answer, bytes(frame3)), true);
    const damaged = bytes(frame3);
    damaged[40] = (damaged[40] ?? 0) ^ 1;
    assert.equal(clientProofIsValid(answer, damaged), false);
    for (const length of [0, 1, 12, 13, 28, 91]) {
      assert.equal(clientProofIsValid(answer, bytes(frame3).subarray(0, length)), false);
    }
  });

  it('authenticates with this ciphertext and signature', () => {
    const nonce = repeat(0x88, 12);
    const address = client.publicKey;
    const addressCiphertext = seal(key, nonce, address);
    assert.equal(
      hex(addressCiphertext),
      'ede02c13521f7131857058635fd68f7efbc59782632d012f049d4c62f3c1c83662e1a0e43b662db17bbb0bb4e4975785',
    );
    assert.equal(base64.encode(addressCiphertext).length, 64);
    const signed = signedPart({
      protocolVersion: 4,
      address,
      addressCiphertext,
      nonce,
      timestamp: 1_700_000_000,
    });
    assert.equal(
      hex(client.sign(signed)),
      '202c92e28b6f9a2bb9bea272319a5b4f792d2b1ab4c97e6e244054f5b3aee8ea1d388d039bd129f458f0711355321d4b7f358831114dfa22ad2ae240b319b401',
    );
  });

  it('pushes "hi" as these bytes', () => {
    const sealed = seal(key, repeat(0xaa, 12), new TextEncoder().encode('hi'));
    assert.equal(hex(sealed), '948ed8311f1e83aa57a5fc934f94af6c59d0');
    assert.equal(new TextDecoder().decode(open(key, repeat(0xaa, 12), sealed)), 'hi');
  });

  it('refuses what was tampered with', () => {
    const sealed = seal(key, repeat(0xaa, 12), new TextEncoder().encode('hi'));
    sealed[0] = (sealed[0] ?? 0) ^ 1;
    assert.equal(open(key, repeat(0xaa, 12), sealed), undefined);
  });
});

describe('a handshake', () => {
  it('begins with 80 bytes and nothing else, not the 64 of earlier clients either', () => {
    for (const length of [0, 1, 63, 64, 65, 79, 81, 1000])
      assert.equal(readHello(new Uint8Array(length)), undefined);
    assert.equal(readHello(new Uint8Array(80))?.salt.length, 16);
  });

  it('fails with an ephemeral key of low order', () => {
    const hello = readHello(concat(client.publicKey, new Uint8Array(32), salt));
    assert(hello);
    assert.equal(answerHello(gateway, hello, gatewayEphemeral, repeat(0x66, 12)), undefined);
  });
});
