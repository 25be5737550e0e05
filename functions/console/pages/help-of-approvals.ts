import { html } from 'hono/html';

/** What F1 opens on the pages of approvals. */
export const APPROVALS_HELP = html`<section id="approvals"><h2>Approvals</h2>
    <p>The plans that wait for somebody's word, the newest first, and what was decided lately. A plan waits until it
    <b>expires</b> (<code>approval-seconds</code> of the fleet file); nothing is written before it is approved. Those who stand
    in the fleet file's <code>approval.mail</code> get a mail, and another when a quarter of the time is left.</p></section>
  <section id="approval"><h2>Deciding on a plan</h2>
    <p>The page shows what would be done, and decides nothing by being looked at; neither does the link in the mail.</p>
    <dl>
      <dt>Your decision</dt><dd><b>Approve</b> lets exactly this plan be written, and nothing else: if a server has changed by
        then, it refuses. <b>Reject</b> ends the sync; one rejection is enough.</dd>
      <dt>Short code</dt><dd>Eight characters of the plan's digest, on the page and in the mail. Whoever types them means this
        plan and no other. Where the fleet file says <code>sign-in-instead-of-code</code>, whoever is signed in by the
        organisation's identity provider need not.</dd>
      <dt>Number of files that are removed</dt><dd>Asked for where a plan removes a large share of the files at a
        destination. It is the number of all destinations together.</dd>
      <dt>Comment</dt><dd>Kept with your decision, for everybody who looks later.</dd>
    </dl>
    <p>Whoever asked for a sync cannot approve it, unless the fleet file says <code>requester-may-approve</code>. Where it says
    <code>required: 2</code> or more, so many different people have to approve. With
    <code>approvers</code> only the word of those counts, and of members of the groups that stand there. Everybody has one vote, and it cannot be
    changed. Each decision, and each that was refused, is in the log of the controller.</p></section>`;
