import { argv, stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline';
import { DirectoryStore } from '#adapters/directory-store.ts';
import type { Vote } from '#core/approval.ts';
import { DecisionRefused } from '#core/errors.ts';
import { castVote } from '#functions/approval/cast-vote.ts';

/** One line to a voter: where, and on what. */
export interface Ballot extends Pick<Vote, 'sync' | 'plan'> {
  readonly folder: string;
  readonly controlKey: string;
}

/** One line of a voter: the decision that he was told, or why he was refused. */
export interface Told {
  readonly decision?: unknown;
  readonly refused?: string;
}

/** A person in a process of his own: `node voter.ts NAME APPROVED|REJECTED`. Votes once for each line of stdin. */
const [by = '', decision = ''] = argv.slice(2);
stdout.write('ready\n');
for await (const line of createInterface({ input: stdin })) {
  const { controlKey, folder, plan, sync } = JSON.parse(line) as Ballot;
  const store = new DirectoryStore(folder);
  const word = { sync, plan, decision: decision as Vote['decision'], by, via: 'test' };
  const told: Told = await castVote({ store, now: () => new Date(), controlKey }, word).then(
    (cast) => ({ decision: cast.decision }),
    (error: unknown) => {
      if (error instanceof DecisionRefused) return { refused: error.message };
      throw error;
    },
  );
  stdout.write(`${JSON.stringify(told)}\n`);
}
