import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Reloader } from './reloader.ts';

test('one reload after the other, one hook after the other, also after one that fails', async () => {
  const told: string[] = [];
  const reloader = new Reloader({
    onBegin: () => told.push('begin'),
    onEnd: () => told.push('end'),
    onFailed: (error) => told.push(String(error)),
  });
  reloader.add(async () => {
    await sleep(1);
    told.push('first');
  });
  reloader.add(() => {
    throw new Error('no file');
  });
  reloader.add(() => void told.push('last'));
  await Promise.all([reloader.reload(), reloader.reload()]);
  const once = ['begin', 'first', 'Error: no file', 'last', 'end'];
  assert.deepEqual(told, [...once, ...once]);
});
