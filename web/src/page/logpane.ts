/** The chosen log: its lines, its head, the way back to earlier lines, and its end. */

import { LogBook } from "../lines/book.ts";
import { plural } from "../lines/marker.ts";
import {
  ConnectionLost,
  followLog,
  NOT_AUTHORIZED,
  readRange,
  RequestError,
  type Caller,
  type FollowEnd,
  type Follower,
  type FollowStart,
  type Lagged,
  type LogRecord,
  type StreamInfo,
} from "../sdk/index.ts";
import { announce, button, byId } from "./dom.ts";
import { LogView } from "./logview.ts";
import { badgeOf, badgeOfEnd, LIVE, sentenceOf, type Badge } from "./status.ts";

/** The history that is fetched before the live lines: some 50 screens, under half a second. */
const HISTORY_RECORDS = 2_000;
/** Fetched each time the reader comes near the earliest line. */
const EARLIER_RECORDS = 2_000;
/**
 * Lines held in memory, about 100 MB of them at worst in a browser; the earliest go first and can
 * be fetched again. Twice as many while the reader has scrolled up and looks at them.
 */
const HELD_LINES = 200_000;

export class LogPane {
  readonly #view: LogView;
  readonly #onEnded: () => void;
  #caller: Caller | null = null;
  #stream: string | null = null;
  #follower: Follower | null = null;
  #book = new LogBook();
  #epoch: number | null = null;
  /** The earliest record that can still be fetched, as far as we know. */
  #oldest = 0;
  #end: FollowEnd | null = null;
  #isFetching = false;
  #missed = 0;

  /** @param onEnded called when the log ended, so that the list can show it at once */
  constructor(onEnded: () => void) {
    this.#onEnded = onEnded;
    this.#view = new LogView(byId("scroller"), byId("chunks"), {
      nearTop: () => void this.#fetchEarlier(),
      following: (isFollowing) => this.#showJump(isFollowing),
    });
    byId("jump").addEventListener("click", () => {
      this.#view.jumpToEnd();
      byId("scroller").focus();
    });
    byId<HTMLInputElement>("wrap").addEventListener("change", (event) => {
      const isWrapped = (event.target as HTMLInputElement).checked;
      byId("chunks").classList.toggle("unwrapped", !isWrapped);
      this.#view.remeasure();
    });
  }

  get stream(): string | null {
    return this.#stream;
  }

  /** Shows this log from its recent history on; null shows none. */
  open(caller: Caller | null, stream: string | null): void {
    this.#follower?.stop();
    this.#follower = null;
    this.#caller = caller;
    this.#stream = stream;
    byId("log").hidden = stream === null;
    byId("nothing-chosen").hidden = stream !== null;
    byId("log-title").textContent = stream ?? "";
    if (caller === null || stream === null) return;
    this.#startBook();
    this.#showEnd(null);
    this.#showBadge(LIVE);
    this.#follow({ tail: HISTORY_RECORDS });
  }

  /** What the list says: a log that had ended goes on when a new attempt begins. */
  update(info: StreamInfo): void {
    if (info.stream !== this.#stream) return;
    if (this.#end?.kind === "sealed" && info.sealed === null) this.#goOn();
    else if (this.#end === null) this.#showBadge(badgeOf(info.sealed));
  }

  // ---- following

  #follow(start: FollowStart): void {
    if (this.#caller === null || this.#stream === null) return;
    this.#follower = followLog(
      this.#caller,
      this.#stream,
      {
        records: (records, epoch) => this.#add(records, epoch),
        lagged: (lagged) => this.#lag(lagged),
        reset: () => {
          this.#startBook();
          this.#book.interrupt(
            "The store of this log was replaced: here it is from its oldest line on.",
          );
        },
        ended: (end) => this.#ended(end),
      },
      start,
    );
  }

  /** Follows again from where it stood. */
  #goOn(): void {
    const position = this.#follower?.position ?? null;
    this.#follower?.stop();
    this.#showEnd(null);
    this.#showBadge(LIVE);
    this.#follow(position === null ? { tail: HISTORY_RECORDS } : { from: position });
  }

  #startBook(): void {
    this.#book = new LogBook();
    this.#epoch = null;
    this.#oldest = 0;
    this.#missed = 0;
    this.#isFetching = false;
    this.#view.show(this.#book);
    this.#showCount();
    this.#showEarlier();
  }

  #add(records: readonly LogRecord[], epoch: number): void {
    this.#epoch = epoch;
    const before = this.#book.lineCount;
    this.#book.append(records);
    const added = this.#book.lineCount - before;
    this.#book.trim(this.#view.isFollowing ? HELD_LINES : 2 * HELD_LINES);
    if (!this.#view.isFollowing) this.#missed += added;
    this.#changed();
  }

  #lag(lagged: Lagged): void {
    if (this.#book.firstSeq === null) this.#oldest = lagged.to;
    this.#book.interrupt(missing(lagged));
    this.#changed();
  }

  #ended(end: FollowEnd): void {
    this.#showBadge(badgeOfEnd(end));
    this.#showEnd(end);
    announce(`${this.#stream ?? ""}: ${sentenceOf(end)}`);
    this.#onEnded();
  }

  // ---- earlier lines

  async #fetchEarlier(): Promise<void> {
    const book = this.#book;
    const to = book.firstSeq;
    if (this.#isFetching || to === null || !this.#hasEarlier()) return;
    if (this.#caller === null || this.#stream === null || this.#epoch === null) return;
    this.#isFetching = true;
    this.#showEarlier();
    try {
      const from = Math.max(this.#oldest, to - EARLIER_RECORDS);
      const range = await readRange(this.#caller, this.#stream, this.#epoch, from, to);
      if (book !== this.#book || book.firstSeq !== to) return;
      book.prepend(range.records);
      if (range.damage !== null) book.prependMissing(missing(range.damage), range.damage.from);
      this.#oldest = Math.max(this.#oldest, range.oldest);
    } catch (error) {
      if (book === this.#book) this.#fetchFailed(error);
    } finally {
      if (book === this.#book) {
        this.#isFetching = false;
        this.#changed();
      }
    }
  }

  #fetchFailed(error: unknown): void {
    // There is a next time when the connection is back.
    if (error instanceof ConnectionLost) return;
    const reason = error instanceof Error ? error.message : String(error);
    const isRevoked = error instanceof RequestError && error.uri === NOT_AUTHORIZED;
    this.#follower?.stop();
    this.#ended({ kind: isRevoked ? "revoked" : "failed", reason });
  }

  #hasEarlier(): boolean {
    const isReadable = this.#end === null || this.#end.kind === "sealed";
    return isReadable && this.#book.firstSeq !== null && this.#book.firstSeq > this.#oldest;
  }

  // ---- showing it

  #changed(): void {
    this.#view.refresh();
    this.#showCount();
    this.#showEarlier();
    this.#showJump(this.#view.isFollowing);
  }

  #showCount(): void {
    const count = this.#book.lineCount;
    const text = count === 0 ? "" : plural(count, "line");
    byId("log-count").textContent = this.#hasEarlier() ? `last ${text}` : text;
  }

  #showBadge({ text, tone }: Badge): void {
    const badge = byId("log-badge");
    badge.textContent = text;
    badge.dataset["tone"] = tone;
  }

  #showEarlier(): void {
    const element = byId("earlier");
    const kind = this.#hasEarlier() ? "more" : this.#oldest > 0 ? "gone" : "none";
    const state = `${kind} ${String(this.#isFetching)}`;
    if (element.dataset["state"] === state) return;
    element.dataset["state"] = state;
    element.hidden = kind === "none";
    if (kind === "gone") element.replaceChildren("Earlier lines are not kept any more.");
    else if (this.#isFetching) element.replaceChildren("Fetching earlier lines\u2026");
    else element.replaceChildren(button("plain", "Earlier lines", () => void this.#fetchEarlier()));
  }

  #showJump(isFollowing: boolean): void {
    if (isFollowing) this.#missed = 0;
    const jump = byId("jump");
    jump.hidden = isFollowing;
    const where = this.#end === null ? "Jump to live" : "Jump to the end";
    jump.textContent = this.#missed > 0 ? `${where} (${plural(this.#missed, "new line")})` : where;
  }

  #showEnd(end: FollowEnd | null): void {
    this.#end = end;
    const element = byId("end");
    element.hidden = end === null;
    if (end !== null) {
      element.dataset["tone"] = badgeOfEnd(end).tone;
      element.replaceChildren(sentenceOf(end));
      if (end.kind !== "sealed") {
        element.append(button("plain", "Try again", () => this.#tryAgain()));
      }
    }
    this.#changed();
  }

  #tryAgain(): void {
    byId("scroller").focus();
    this.#goOn();
  }
}

function missing({ from, to, isDamage }: Lagged): string {
  const lines = plural(to - from, "line");
  const are = `${lines} ${to - from === 1 ? "is" : "are"}`;
  return isDamage ? `${are} damaged and left out here.` : `${are} not kept any more.`;
}
