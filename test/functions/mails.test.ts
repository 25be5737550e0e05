import { describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { PLAN_FORMAT, type Plan, type PlannedDestination, shortCode } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import { createSyncId } from '#core/sync.ts';
import { type SyncVerdict, VERDICT_FORMAT } from '#core/verdict.ts';
import { approvalMail } from '#functions/approval/approval-mail.ts';
import { notAttempted } from '#functions/report/judge-destination.ts';
import { verdictMail } from '#functions/report/verdict-mail.ts';

const HOSTILE = 'fine\r\n\r\nplant-a/tm9: in sync, nothing to do\u001b[2J\u009b31m\u2028\u202e';
const TIME = '2026-01-02T03:04:05.000Z';
const SYNC = createSyncId(new Date(TIME), 'b2c3d');
const SOURCE = serverIdSchema.parse('plant-a/source');
const COUNTS = { create: 1, update: 0, remove: 0, keep: 0 };

function serverAt(index: number) {
  return serverIdSchema.parse(`plant-a/tm${index}`);
}

function withChanges(index: number, path = 'a.cfg'): PlannedDestination {
  return {
    outcome: 'changes',
    server: serverAt(index),
    part: sha256(`part ${index}`),
    counts: COUNTS,
    bytes: 1,
    classes: { configuration: { ...COUNTS, bytes: 1 } },
    notable: [{ change: 'create', path, size: 1 }],
    protected: 0,
    unrecognised: 0,
  };
}

function planOf(destinations: PlannedDestination[], requestedBy = 'somebody'): Plan {
  const source = { server: SOURCE, manifest: sha256('m'), artifacts: 1, bytes: 1, bytesUploaded: 1 };
  return {
    format: PLAN_FORMAT,
    sync: SYNC,
    digest: sha256('plan'),
    createdAt: TIME,
    expiresAt: TIME,
    requestedBy,
    policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
    source: { ...source, protected: 0, leftOut: 0, leftOutNotable: [] },
    destinations,
  };
}

function verdictOf(destinations: SyncVerdict['destinations'], detail?: string): SyncVerdict {
  return {
    format: VERDICT_FORMAT,
    sync: SYNC,
    verdict: 'FAILED',
    ...(detail !== undefined && { detail }),
    plan: null,
    mode: 'overwrite',
    source: { server: SOURCE, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 },
    destinations,
    startedAt: TIME,
    finishedAt: TIME,
  };
}

/** No line of its own, no escape sequence, nothing read backwards. */
function expectTame(text: string): void {
  expect(text).toContain('fine');
  expect(text).not.toMatch(/^plant-a\/tm9: in sync/m);
  expect(text).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
}

describe('the mail that asks for an approval', () => {
  it('shows what people and agents wrote without letting it write lines of the mail', async () => {
    const refused = { outcome: 'refused', server: serverAt(1), reason: 'GUARD', detail: HOSTILE } as const;
    const failed = { outcome: 'failed', server: serverAt(2), detail: HOSTILE } as const;
    const mail = await approvalMail({
      plan: planOf([refused, failed, withChanges(3, HOSTILE)], HOSTILE),
      to: ['a@example.org'],
    });
    expectTame(mail.text);
    expect(mail.subject).not.toMatch(/\p{C}/u);
  });

  it('names those that would be written first, and of a long list only the beginning', async () => {
    const quiet = Array.from({ length: 5_000 }, (_, index): PlannedDestination => {
      return { outcome: 'offline', server: serverAt(index), detail: 'x'.repeat(2000) };
    });
    const { text } = await approvalMail({ plan: planOf([...quiet, withChanges(7_777)]), to: ['a@example.org'] });
    expect(text).toContain('plant-a/tm7777: 1 B in changed files');
    expect(text).toContain('and 4,951 more destinations, of which 0 would be written');
    expect(text.length).toBeLessThan(25_000);
  });
});

describe('the HTML of the mails', () => {
  const MARKUP = '<script>alert("1")</script>&<img src=x>';

  it('shows what people and agents wrote as it is written, and the text is the same as without', async () => {
    const failed = { outcome: 'failed', server: serverAt(2), detail: MARKUP } as const;
    const asked = await approvalMail({ plan: planOf([failed, withChanges(3, MARKUP)], MARKUP), to: [] });
    const bad = { ...notAttempted(serverAt(1)), verdict: 'FAILED', reason: MARKUP, detail: MARKUP } as const;
    const told = await verdictMail({ verdict: verdictOf([bad], MARKUP), to: [] });
    for (const { html = '', text } of [asked, told]) {
      expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&lt;img src=x&gt;');
      expect(html).not.toMatch(/<script|<img/);
      expect(text).toContain('<script>');
    }
  });

  it('cannot be made to break lines, or to read backwards', async () => {
    const { html = '' } = await approvalMail({ plan: planOf([withChanges(3, HOSTILE)], HOSTILE), to: [] });
    expect(html).toContain('fine');
    expect(html).not.toMatch(/[^\P{C}\n]|[\u2028\u2029]/u);
  });

  it('says what an approver has to know: differences by class, bytes, expiry, code and link', async () => {
    const plan = planOf([withChanges(1), withChanges(2)]);
    const { html = '', text } = await approvalMail({ plan, to: [], consoleUrl: 'https://lockstep.example.org/' });
    expect(html.replaceAll(/<[^>]+>|\s+/g, ' ').replaceAll(/ +/g, ' ')).toContain('configuration 2 0 0 0 2 B');
    for (const shown of [
      'plant-a/source',
      'plant-a/tm1',
      'plant-a/tm2',
      plan.expiresAt,
      shortCode(plan.digest),
      'a.cfg',
    ])
      expect(html).toContain(shown);
    const link = `https://lockstep.example.org/approvals/${SYNC}`;
    expect(html).toContain(`<a href="${link}"`);
    expect(text).toContain(link);
    expect((await approvalMail({ plan, to: [] })).html).not.toContain('<a ');
  });

  it('names each destination that has files changed by hand, and how many there are in all', async () => {
    const edited = (index: number): PlannedDestination => {
      const files = [{ edit: 'edited' as const, path: `by-hand-${index}.cfg` }];
      return { ...withChanges(index), localEdits: { since: TIME, count: 1, files } } as PlannedDestination;
    };
    const quiet = Array.from({ length: 100 }, (_, index) => withChanges(index + 100));
    const mail = await approvalMail({ plan: planOf([...quiet, edited(1), edited(2)]), to: [] });
    for (const said of [mail.text, mail.html])
      for (const shown of ['by-hand-1.cfg', 'by-hand-2.cfg', 'Changed at 2 destinations', '2 files in all'])
        expect(said).toContain(shown);
  });

  it('says how many have to approve, and who may', async () => {
    const plan = planOf([withChanges(1)]);
    const approvers = { people: ['manager'], groups: { '<leads>': [] } };
    const policy = { ...plan.policy, approvals: 2, approvers };
    const mail = await approvalMail({ plan: { ...plan, policy }, to: [] });
    expect(mail.text).toContain('2 approvals by different people: manager or a member of <leads>');
    expect(mail.html).toContain('manager or a member of &lt;leads&gt;');
  });

  it('stays below what mail programs show, however long the names are', async () => {
    const path = '&'.repeat(4000);
    const long = Array.from({ length: 60 }, (_, index): PlannedDestination => {
      const files = Array.from({ length: 20 }, () => ({ edit: 'edited' as const, path }));
      const notable = Array.from({ length: 20 }, () => ({ change: 'update' as const, path, size: 1 }));
      return { ...withChanges(index), notable, localEdits: { since: TIME, count: 99, files } } as PlannedDestination;
    });
    const { html = '', text } = await approvalMail({ plan: planOf(long), to: [] });
    expect(html).toContain('would not fit into a mail');
    for (const said of [html, text]) expect(said.length).toBeLessThan(100_000);
  });

  it('of a long list holds only the beginning', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => withChanges(index));
    expect((await approvalMail({ plan: planOf(many), to: [] })).html?.length).toBeLessThan(100_000);
    const ended = Array.from({ length: 5_000 }, (_, index) => notAttempted(serverAt(index)));
    expect((await verdictMail({ verdict: verdictOf(ended), to: [] })).html?.length).toBeLessThan(100_000);
  });
});

describe('the mails about a transfer', () => {
  it('say before what each destination will fetch, and afterwards what it has fetched', async () => {
    const estimate = { bytes: 6_800_000, seconds: 62 };
    const planned = { ...withChanges(1), estimate } as PlannedDestination;
    expect((await approvalMail({ plan: planOf([planned]), to: [] })).text).toContain(
      'to be transferred: about 6.8 MB, 1 min 2 s',
    );
    const { text: both } = await approvalMail({ plan: planOf([planned, { ...planned, server: serverAt(2) }]), to: [] });
    expect(both).toContain('To be transferred in all: about 13.6 MB, 1 min 2 s for the slowest');
    const took = { bytesFetched: 6_900_000, secondsFetching: 55, receipt: 'receipt', verdict: 'SUCCEEDED' as const };
    const { text } = await verdictMail({
      verdict: verdictOf([{ ...notAttempted(serverAt(1)), ...took, estimate }]),
      to: [],
    });
    expect(text).toMatch(/plant-a\/tm1 +SUCCEEDED {2}estimated 6.8 MB, 1 min 2 s; took 6.9 MB, 55 s/);
    expect((await verdictMail({ verdict: verdictOf([notAttempted(serverAt(1))]), to: [] })).text).not.toContain('took');
  });
});

describe('the mail about a verdict', () => {
  it('shows what agents wrote without letting it write lines of the mail', async () => {
    const bad = { ...notAttempted(serverAt(1)), verdict: 'FAILED', reason: HOSTILE.slice(0, 30), detail: HOSTILE };
    const mail = await verdictMail({
      verdict: verdictOf([bad as SyncVerdict['destinations'][number]], HOSTILE),
      to: ['a@example.org'],
    });
    expectTame(mail.text);
    expect(mail.subject).not.toMatch(/\p{C}/u);
  });

  it('names those that ended badly first, and of a long list only the beginning', async () => {
    const good = Array.from({ length: 5_000 }, (_, index) => {
      return { ...notAttempted(serverAt(index)), verdict: 'SUCCEEDED' as const };
    });
    const { text } = await verdictMail({
      verdict: verdictOf([...good, notAttempted(serverAt(7_777))]),
      to: ['a@example.org'],
    });
    expect(text).toMatch(/plant-a\/tm7777 +NOT_ATTEMPTED/);
    expect(text).toContain('and 4901 more');
    expect(text.length).toBeLessThan(25_000);
  });
});
