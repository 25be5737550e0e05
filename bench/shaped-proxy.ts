import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Lane, openLine, type Shape } from './lane.ts';

/** A port of this machine that leads to another through a line of the given shape, which all connections share. */
export class ShapedProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(targetPort: number, shape: Shape): Promise<ShapedProxy> {
    const line = openLine(shape);
    const server = createServer({ allowHalfOpen: true });
    const proxy = new ShapedProxy(server);
    server.on('connection', (near) => {
      const far = connect({ port: targetPort, host: LOOPBACK, allowHalfOpen: true });
      proxy.#join({ near, far, ...line });
    });
    server.listen(0, LOOPBACK);
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join({ near, far, up, down }: Joined): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    // A direction that breaks takes the other along; its end is for the two programs to complain about.
    for (const direction of [pipeline(near, new Delay(up), far), pipeline(far, new Delay(down), near)]) {
      direction.catch(() => {
        near.destroy();
        far.destroy();
      });
    }
  }
}

interface Joined {
  readonly near: Socket;
  readonly far: Socket;
  readonly up: Lane;
  readonly down: Lane;
}

/** Passes bytes on in order when they have arrived; takes no more than the line can send in a few milliseconds. */
class Delay extends Transform {
  readonly #lane: Lane;
  readonly #underway: { readonly arrival: number; readonly bytes: Buffer }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #finish: TransformCallback | undefined;

  constructor(lane: Lane) {
    super();
    this.#lane = lane;
  }

  override _transform(bytes: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#underway.push({ arrival: performance.now() + this.#lane.enter(bytes.length), bytes });
    this.#deliver();
    setTimeout(done, Math.max(0, this.#lane.backlog - BACKLOG_MILLISECONDS));
  }

  override _flush(done: TransformCallback): void {
    this.#finish = done;
    this.#deliver();
  }

  override _destroy(error: Error | null, done: TransformCallback): void {
    clearTimeout(this.#timer);
    done(error);
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    for (let first = this.#underway[0]; first !== undefined; first = this.#underway[0]) {
      if (first.arrival > now) {
        this.#timer = setTimeout(() => this.#deliver(), Math.ceil(first.arrival - now));
        return;
      }
      this.#underway.shift();
      this.push(first.bytes);
    }
    this.#finish?.();
  }
}

const LOOPBACK = '127.0.0.1';
const BACKLOG_MILLISECONDS = 20;
