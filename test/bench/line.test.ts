import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { Lane, openLine } from '#bench/lane.ts';
import { ShapedProxy } from '#bench/shaped-proxy.ts';
import { shapedStore } from '#bench/shaped-store.ts';

const FAST = { bytesPerSecond: 100_000_000, delayMilliseconds: 1 };

it('a lane takes one thing after the other, each for its size, and adds the delay once', () => {
  let now = 1000;
  const lane = new Lane({ bytesPerSecond: 1000, delayMilliseconds: 15 }, () => now);
  expect(lane.enter(100)).toBe(115);
  expect(lane.enter(100)).toBe(215);
  now += 500;
  expect(lane.backlog).toBe(0);
  expect(lane.enter(10)).toBe(25);
});

it('a proxy passes all bytes on in order, both ways, and the end of each way', async () => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const proxy = await ShapedProxy.open((echo.address() as AddressInfo).port, FAST);
  onTestFinished(async () => {
    await proxy.close();
    echo.close();
  });
  const sent = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 31) % 251));
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(sent);
  expect(sent.equals(await buffer(socket))).toBe(true);
});

it('a proxy hangs up when there is nobody behind it', async () => {
  const nobody = createServer().listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const { port } = nobody.address() as AddressInfo;
  nobody.close();
  const proxy = await ShapedProxy.open(port, FAST);
  onTestFinished(() => proxy.close());
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'close');
});

it('a store behind a line answers what the store answers', async () => {
  const store = shapedStore(new MemoryStore(), openLine(FAST));
  await store.create('a', Buffer.from('one'));
  await expect(store.create('a', Buffer.from('two'))).rejects.toThrow('it exists already');
  const { body, etag } = (await store.get('a')) ?? {};
  expect(Buffer.from(body ?? []).toString()).toBe('one');
  expect(await store.getIfChanged('a', etag ?? '')).toBe('not-modified');
  expect((await Array.fromAsync(store.list(''))).map(({ key }) => key)).toEqual(['a']);
});
