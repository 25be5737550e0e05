import type { ServerId } from '#core/server.ts';
import type { ServerView, SyncPhase, SyncView } from '#functions/observe/observe-sync.ts';
import type { Labels } from './show/labels.ts';
import { hasBars, isDone, phaseTitle, serverState, showProgress } from './show/progress.ts';
import type { Terminal } from './terminal.ts';

/** Shows how a sync goes on: bars in place on a terminal, else a line for each change, not too many. */
export class ProgressReporter {
  readonly #terminal: Terminal;
  readonly #labels: Labels;
  readonly #now: () => Date;
  readonly #speeds = new SpeedMeter();
  readonly #said = new Map<ServerId, { readonly state: string; readonly at: number }>();
  #since: number | undefined;
  #title = '';
  #phase: SyncPhase = 'inventory';

  constructor(terminal: Terminal, labels: Labels, now: () => Date) {
    this.#terminal = terminal;
    this.#labels = labels;
    this.#now = now;
  }

  show(view: SyncView): void {
    const now = this.#now().getTime();
    this.#since ??= now;
    if (!view.begun && now - this.#since < QUIET_MILLISECONDS) return;
    this.#speeds.take(view.servers);
    if (view.phase !== 'done') this.#phase = view.phase;
    if (view.phase === 'done' && this.#phase !== 'applying') {
      this.#terminal.clear();
      return;
    }
    // The last look at the bars is how they ended.
    const shown = { ...view, phase: this.#phase };
    if (this.#terminal.rewrites) this.#redraw(shown);
    else this.#sayChanges(shown);
  }

  #redraw(view: SyncView): void {
    const title = phaseTitle(view);
    if (title !== this.#title) this.#terminal.clear();
    this.#title = title;
    const { paint, rows } = this.#terminal;
    const speedOf = (server: ServerId) => this.#speeds.of(server);
    this.#terminal.live(showProgress(view, { labels: this.#labels, paint, rows, speedOf }));
  }

  #sayChanges(view: SyncView): void {
    const title = phaseTitle(view);
    if (title !== this.#title) this.#terminal.say(title);
    this.#title = title;
    if (!hasBars(view)) return;
    for (const one of view.servers) this.#sayChange(one);
  }

  #sayChange(one: ServerView): void {
    const state = serverState(one);
    const last = this.#said.get(one.server);
    const now = this.#now().getTime();
    if (last?.state === state || (last !== undefined && !isDone(one) && now - last.at < QUIET_MILLISECONDS)) return;
    this.#said.set(one.server, { state, at: now });
    this.#terminal.say(`${this.#labels.of(one.server)}: ${state}`);
  }
}

/** Bytes per second between the last two words of an agent, by the agent's own clock. */
class SpeedMeter {
  readonly #last = new Map<ServerId, { readonly stage: string; readonly bytes: number; readonly at: number }>();
  readonly #speeds = new Map<ServerId, number>();

  take(servers: readonly ServerView[]): void {
    for (const { server, progress } of servers) {
      if (progress === undefined) continue;
      const { stage, bytesDone: bytes } = progress;
      const at = Date.parse(progress.at);
      const last = this.#last.get(server);
      if (last?.at === at && last.bytes === bytes) continue;
      this.#last.set(server, { stage, bytes, at });
      if (last?.stage === stage && at > last.at && bytes > last.bytes) {
        this.#speeds.set(server, ((bytes - last.bytes) * 1000) / (at - last.at));
      } else {
        this.#speeds.delete(server);
      }
    }
  }

  of(server: ServerId): number | undefined {
    return this.#speeds.get(server);
  }
}

const QUIET_MILLISECONDS = 3000;
