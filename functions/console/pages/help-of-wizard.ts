import { html } from 'hono/html';

/** What F1 opens on the pages of the wizard, of a server, and of the history. */
export const WIZARD_HELP = html`<section id="synchronize"><h2>Synchronize Configurations</h2>
    <p>Makes servers like one of them, in four steps.</p>
    <ol>
      <li><b>Choose</b> the server whose files are right, the <i>source</i>, and those that are to be made like it, the
        <i>destinations</i>: one by one, or whole sites. <b>Overwrite</b> creates and overwrites files; <b>Mirror</b> also
        removes what the source does not have. <b>Only these classes</b> leaves all other files alone.</li>
      <li><b>Look at the differences</b>: what would be created, updated and removed, by class and by file, and what is lost at
        each destination.</li>
      <li><b>Confirm</b>: somebody who may decide approves or rejects exactly this plan. Until then nothing is written.</li>
      <li><b>Progress and result</b>: the destinations are written in waves, and each proves with a signed receipt what it holds
        now. A closed browser stops nothing.</li>
    </ol>
    <p>A destination is <b>refused</b> when the sync looks like an accident: a source that is nearly empty, or older, or that has
      lost a whole class. What is meant can be allowed at the end of the form; whoever approves sees that.</p></section>
  <section id="differences"><h2>Differences</h2>
    <p>The plan of a sync, by class, by destination, and by file. <b>Lost</b> is what a person at the destination would miss: files
      that are removed, and changes that were made there since the last sync.</p>
    <p>A small text file can be read line by line, as far as the store has its content: what the source sends is there; what a
      destination holds is there only if a source has once sent it. What a word such as <code>password</code>,
      <code>secret</code>, <code>token</code>, <code>key</code> or <code>community</code> names is masked, with the rest of its line and what is
      indented below it; so are private keys and passwords in addresses.</p></section>
  <section id="server"><h2>Server</h2>
    <p><b>Drift</b> is what a server holds otherwise than its last good receipt says: somebody has edited, removed or added a file,
      and it was no sync. A <b>verification</b> has its agent read every file to find it; nothing is written.</p>
    <p><b>Receipts</b> are the signed answers of its agent to its orders. <b>As left</b>: the server was as the receipt before says.
      <b>Changed by somebody else in between</b>: it was not. A download is the answer as the agent signed it, byte for byte.</p></section>
  <section id="history"><h2>History</h2>
    <p>Every sync that was asked for, the newest first, by server, result and day. CSV is for a spreadsheet; JSON is the same as
      <code>lockstep history --json</code> prints.</p></section>`;
