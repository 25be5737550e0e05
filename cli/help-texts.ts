export const PROGRAM_HELP = `
Examples:
  lockstep sync ./primary ./backup            folders of this machine, nothing to set up
  lockstep sync west/primary west/backup      servers of the fleet, through its controller
  lockstep up --config fleet.yaml             the controller
  lockstep verify west/backup                 is it still as the last sync left it?

Exit status: 0 in sync, succeeded or verified; 1 failed, halted, rolled back or drifted; 2 usage or bad input;
3 refused, rejected, expired or stale.
`;

export const SYNC_HELP = `
The source's files overwrite the corresponding files at each destination, one way: nothing is merged, and licenses are
never touched. Without arguments, on a terminal, it asks for source and destinations.

Examples:
  lockstep sync
  lockstep sync ./primary ./backup
  lockstep sync ./primary ./backup --yes --json
  lockstep sync west/primary west/backup east/backup --only firmware,termcap
`;

export const PLAN_HELP = `
Examples:
  lockstep plan ./primary ./backup
  lockstep plan west/primary west/backup --mirror --json
`;

export const HISTORY_HELP = `
Of a server: each order with its answer, oldest first; the state of its files before and after, and whether that begins
where the one before ended; what was written; who signed the receipt; the plan, and who approved it.

Examples:
  lockstep history --limit 5
  lockstep history west/backup
  lockstep history west/backup --limit 100 --json
  lockstep history ./backup

Exit status: 0; 1 when an order is missing, or a receipt is not signed by the agent that is enrolled.
`;

export const VERIFY_HELP = `
Each server's agent reads all artifacts, licenses and identity files from its disk, whatever it remembers, and signs what
they hash to. That is compared with its last good receipt: of the last sync that wrote it, found it in sync, or took
it for its source.

Examples:
  lockstep verify west/backup
  lockstep verify west/primary west/backup east/backup --json
  lockstep verify ./backup

Exit status: 0 all as the last receipt says; 1 files differ, or a server did not answer; 2 usage, or a server has no
receipt yet; 3 refused: a file cannot be read, or the profile is another one by now.
`;

export const ROLLBACK_HELP = `
Each destination keeps what its last applies have replaced or removed (3, or keepPreImages in its agent.json), and takes
it from there: no source is needed. A rollback is planned, approved and proved like any sync, and can be rolled back.
A file that was changed since the sync is named, and then nothing is put back at that destination.

Examples:
  lockstep rollback 20260102T030405Z-0a1b2c3d
  lockstep rollback 20260102T030405Z-0a1b2c3d west/backup --dry-run
  lockstep rollback 20260102T030405Z-0a1b2c3d ./backup --yes --json
`;

export const PRUNE_HELP = `
What the syncs under way need always stays, and while a source takes stock nothing is removed at all. A run marks what
is needed no more, and removes what an earlier run has marked, so it does its work when it is run again and again.

Examples:
  lockstep prune --dry-run
  lockstep prune --yes
  lockstep prune --keep 1 --keep-days 0 --grace-days 0 --yes
`;

export const TOKEN_HELP = `
A token acts in the name of whoever made it, with the roles that it was given and no others: viewer looks, operator starts
and stops syncs, approver decides on plans. The store keeps only its digest. On another machine it is taken from
LOCKSTEP_TOKEN or from the file of --token-file.

Examples:
  lockstep token create --name "nightly report" --role viewer --days 90
  lockstep token list
  lockstep token revoke 0a1b2c3d4e5f6071
  LOCKSTEP_TOKEN=lockstep_... lockstep status --store https://lockstep.example.org
`;
