import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Role } from '#functions/console/session.ts';
import { ConsoleUnderTest, type ConsoleWorld } from './browser.ts';

/** A console at an address of this machine, for browsers with a window; it can be gone for a while and come back. */
export class ServedConsole {
  readonly #world: ConsoleWorld;
  #console: ConsoleUnderTest | undefined;
  #server: ReturnType<typeof createServer> | undefined;
  #port = 0;

  private constructor(world: ConsoleWorld) {
    this.#world = world;
  }

  static async serve(world: ConsoleWorld): Promise<ServedConsole> {
    const served = new ServedConsole(world);
    await served.start();
    return served;
  }

  get console(): ConsoleUnderTest {
    // It answers under its own address alone, and so has to know that.
    this.#console ??= new ConsoleUnderTest({ ...this.#world, origins: [this.url] });
    return this.#console;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#server = createServer();
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    const listener = getRequestListener(this.console.app.fetch);
    this.#server.on('request', (request, response) => void listener(request, response));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** What a browser that is signed in as this person holds. */
  cookieOf(person: string, roles?: readonly Role[]) {
    return { name: 'session', value: this.console.sessionOf(person, roles), url: this.url };
  }
}
