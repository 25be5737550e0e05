import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Between a client and a service on this machine: counts the bytes that come down, and cuts connections. */
export class CuttingProxy {
  bytesDown = 0;
  cuts = 0;
  /** How many bytes the next connection lives, of what comes down on it; none: it is not cut. */
  lives: number[] = [];
  onBytes: () => void = () => undefined;
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  readonly #servicePort: number;

  private constructor(servicePort: number) {
    this.#servicePort = servicePort;
  }

  static async start(servicePort: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(servicePort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket): void {
    const service = connect(this.#servicePort, '127.0.0.1');
    let down = 0;
    const end = () => {
      client.destroy();
      service.destroy();
    };
    for (const socket of [client, service]) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.pipe(service);
    service.on('data', (bytes) => {
      down += bytes.length;
      this.bytesDown += bytes.length;
      // The service waits for the client, as over a real link.
      if (!client.write(bytes)) {
        service.pause();
        client.once('drain', () => service.resume());
      }
      const [life = Number.POSITIVE_INFINITY] = this.lives;
      if (down >= life) {
        this.lives.shift();
        this.cuts++;
        client.resetAndDestroy();
        end();
      }
      this.onBytes();
    });
  }
}
