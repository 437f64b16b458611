import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { bytesOf, pictureAddress, sha256 } from '../src/lib/assets.js';

test('the fallback digest equals FIPS 180-4 at every padding length', async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (7 * i + length) & 255);
    const expected = createHash('sha256').update(bytes).digest('hex');
    assert.equal(await sha256(bytes, null), expected);
    assert.equal(await sha256(bytes), expected);
  }
});

test('base64 is read with and without its data URL', () => {
  assert.deepEqual([...bytesOf('data:image/png;base64,AAEC')], [0, 1, 2]);
  assert.deepEqual([...bytesOf('AAEC')], [0, 1, 2]);
  assert.equal(pictureAddress('AAEC'), 'data:image/png;base64,AAEC');
  assert.equal(pictureAddress('data:image/png;base64,AAEC'), 'data:image/png;base64,AAEC');
});
