import { createCipheriv, createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One release of what a server holds. The same arguments give the same bytes. */
export interface Release {
  /** Tells the contents of one release from another's. */
  readonly name: string;
  readonly firmware: number;
  readonly modules: number;
  readonly displays: number;
}

const MIB = 1024 * 1024;

/** Writes a small server: firmware, terminal capabilities, modules, configuration, and a license of its own. */
export function writeServer(root: string, release: Release, licensedTo: string): void {
  for (let number = 1; number <= release.firmware; number++) {
    write(
      root,
      `Firmware/package-${number}.fw`,
      noise(`firmware ${number} ${number === 1 ? release.name : 'all'}`, 2 * MIB),
    );
  }
  write(root, 'TermCap/terminals.db', pages(release.name, 256));
  for (let number = 1; number <= release.modules; number++) {
    write(
      root,
      `Modules/module-${number}.mod`,
      noise(`module ${number} ${number % 5 === 0 ? release.name : 'all'}`, 60_000),
    );
  }
  for (let number = 1; number <= release.displays; number++) {
    write(
      root,
      `Configuration/Displays/display-${number}.xml`,
      displayXml(number, number % 4 === 0 ? release.name : 'base'),
    );
  }
  write(root, 'Configuration/Größe und Lage.ini', `[Layout]\r\nRelease=${release.name}\r\n`);
  write(root, `Licenses/${licensedTo}.lic`, `LICENSE ${createHash('sha256').update(licensedTo).digest('hex')}\n`);
}

/** Text records of 4 KiB, of which one in sixteen differs between releases. */
function pages(release: string, count: number): Buffer {
  const page = (number: number) => {
    const version = number % 16 === 0 ? release : 'base';
    const record = `terminal=${number};version=${version};`;
    return Buffer.from(record.repeat(Math.ceil(4096 / record.length))).subarray(0, 4096);
  };
  return Buffer.concat(Array.from({ length: count }, (_, number) => page(number)));
}

function displayXml(number: number, release: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n<display id="${number}" release="${release}">\n  <client server="historian" timeout="30"/>\n</display>\n`;
}

/** Incompressible and repeatable. */
function noise(seed: string, length: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

function write(root: string, path: string, content: Buffer | string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
