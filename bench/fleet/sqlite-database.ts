import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dice } from './randomness.ts';
import { SITES, WORDS } from './words.ts';

export type DatabaseState = 'made' | 'updated' | 'vacuumed';

/**
 * The bytes of a real database: `made` with so many rows and an index, then `updated` in one row of a hundred with one
 * of a hundred added and one of two hundred deleted, then `vacuumed`. The same for the same version of SQLite.
 */
export function sqliteDatabase(rows: number, state: DatabaseState): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-sqlite-'));
  const path = join(folder, 'database');
  try {
    // Only who needs it loads it: older versions of Node say that it is experimental.
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
    const database = new DatabaseSync(path);
    database.exec('CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT, address TEXT, state TEXT, seen INTEGER)');
    database.exec('CREATE INDEX device_name ON device (name)');
    const insert = database.prepare('INSERT INTO device (name, address, state, seen) VALUES (?, ?, ?, ?)');
    const add = (dice: Dice, count: number) => {
      for (let row = 0; row < count; row++) insert.run(...device(dice));
    };
    database.exec('BEGIN');
    add(new Dice('sqlite|made'), rows);
    database.exec('COMMIT');
    if (state !== 'made') {
      const dice = new Dice('sqlite|updated');
      const update = database.prepare('UPDATE device SET state = ?, seen = ? WHERE id = ?');
      const remove = database.prepare('DELETE FROM device WHERE id = ?');
      database.exec('BEGIN');
      for (const id of dice.distinct(rows / 100, rows)) update.run(dice.oneOf(WORDS), dice.between(1, 2e9), id + 1);
      for (const id of dice.distinct(rows / 200, rows)) remove.run(id + 1);
      add(dice, rows / 100);
      database.exec('COMMIT');
    }
    if (state === 'vacuumed') database.exec('VACUUM');
    database.close();
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function device(dice: Dice): [string, string, string, number] {
  const name = `${dice.oneOf(SITES)}-${dice.oneOf(WORDS)}-${dice.oneOf(WORDS)}-${dice.between(0, 99_999)}`;
  const address = `10.${dice.between(0, 255)}.${dice.between(0, 255)}.${dice.between(1, 254)}`;
  const state = `${dice.oneOf(WORDS)};key=${dice.roll().toString(16)}${dice.roll().toString(16)};${dice.oneOf(WORDS)}`;
  return [name, address, state, dice.between(1, 2e9)];
}
