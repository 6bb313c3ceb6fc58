/**
 * The chosen log: its lines, its head, what one may do with it, and its end.
 *
 * The follower goes on as long as the log is chosen, also while the window that is shown stays
 * elsewhere: it counts new lines, and hears at once of a right that is withdrawn.
 */

import type { Line } from "../lines/line.ts";
import { plural } from "../lines/marker.ts";
import {
  ConnectionLost,
  findNext,
  followLog,
  NOT_AUTHORIZED,
  RequestError,
  textOf,
  type Batch,
  type Caller,
  type FollowEnd,
  type Follower,
  type FollowOptions,
  type LogRecord,
  type StreamInfo,
} from "../sdk/index.ts";
import { announce, button, byId, setText } from "./dom.ts";
import type { Streams } from "./listpane.ts";
import { LogView } from "./logview.ts";
import { HELD, LogWindow, type Shown } from "./logwindow.ts";
import { saveLog } from "./save.ts";
import { badgeOfEnd, badgeOfStream, LIVE, sentenceOf, type Badge } from "./status.ts";
import { shownMoment, shownTime } from "./times.ts";
import { Toolbar } from "./toolbar.ts";

/** The history that is fetched before the live lines: some 50 screens, under half a second. */
const HISTORY_RECORDS = 2_000;

/** What a search has found last, and for what; the next one goes on from there. */
interface Match {
  readonly text: string;
  readonly seq: number;
  readonly epoch: number;
}

export class LogPane {
  /** For downloads; null asks as anybody. */
  token: string | null = null;
  readonly #view: LogView;
  readonly #toolbar: Toolbar;
  readonly #onEnded: () => void;
  #shown: Shown | null = null;
  #follower: Follower | null = null;
  #window: LogWindow | null = null;
  #end: FollowEnd | null = null;
  /** Whether it was in the list, when that was told last. */
  #isListed = false;
  #missed = 0;
  #match: Match | null = null;
  /** Counts searches, so that an earlier one asks for nothing more. */
  #searches = 0;

  /** @param onEnded called when the log ended, so that the list can show it at once */
  constructor(onEnded: () => void) {
    this.#onEnded = onEnded;
    this.#view = new LogView(byId("scroller"), byId("chunks"), {
      nearTop: () => this.#fetchEarlier(),
      nearEnd: () => {
        if (this.#isReadable) void this.#window?.fetchLater();
      },
      following: () => this.#showJump(),
    });
    this.#toolbar = new Toolbar({
      find: (text, ignoreCase, backwards) => void this.#find(text, ignoreCase, backwards),
      chooseSource: (source) => this.#chooseSource(source),
      download: (format) => void this.#download(format),
    });
    byId("jump").addEventListener("click", () => this.#jump());
    byId<HTMLInputElement>("wrap").addEventListener("change", (event) => {
      const isWrapped = (event.target as HTMLInputElement).checked;
      byId("chunks").classList.toggle("unwrapped", !isWrapped);
      this.#view.remeasure();
    });
  }

  get stream(): string | null {
    return this.#shown?.stream ?? null;
  }

  /** Shows this log from its recent history on; null shows none. */
  open(caller: Caller | null, stream: string | null): void {
    this.#clear(stream);
    byId("log-body").hidden = stream === null;
    if (caller === null || stream === null) return;
    this.#shown = { caller, stream, sources: null };
    this.#start();
  }

  /** Shows that something is chosen that has no log, or none yet. */
  expect(title: string): void {
    this.#clear(title);
    byId("log-body").hidden = true;
    this.#showBadge({ text: "no log", tone: "quiet" });
    setText(byId("log-count"), "");
  }

  /** What the list says: a log that had ended goes on when a new attempt begins. */
  update(streams: Streams): void {
    const info = this.stream === null ? undefined : streams.get(this.stream);
    const hasCome = !this.#isListed;
    this.#isListed = info !== undefined;
    if (info === undefined) return;
    const end = this.#end;
    if (end === null) this.#showBadge(badgeOfStream(info));
    // A container runs a moment before its log is there, and what may not be read may be granted.
    else if (hasCome && (end.kind === "denied" || end.kind === "failed")) this.#start();
    else if (end.kind === "sealed" && info.sealed === null && info.next > (end.sealed.next ?? 0)) {
      this.#goOn();
    }
    this.#showStale(end === null && info.sealed === null ? info.staleSinceUs : null);
  }

  #clear(title: string | null): void {
    this.#close();
    this.#isListed = false;
    byId("log").hidden = title === null;
    byId("nothing-chosen").hidden = title !== null;
    byId("log-title").textContent = title ?? "";
    this.#toolbar.clear();
    this.#showStale(null);
  }

  #close(): void {
    this.#follower?.stop();
    this.#window?.close();
    this.#searches += 1;
    this.#follower = this.#window = this.#shown = this.#match = null;
  }

  // ---- following

  /** Shows the recent history and what follows. */
  #start(): void {
    this.#follower?.stop();
    this.#openWindow();
    this.#showEnd(null);
    this.#showBadge(LIVE);
    this.#follow({ tail: HISTORY_RECORDS });
  }

  /** Follows again from where it stood. */
  #goOn(): void {
    const position = this.#follower?.position ?? null;
    if (position === null) return this.#start();
    this.#follower?.stop();
    this.#showEnd(null);
    this.#showBadge(LIVE);
    this.#follow({ from: position });
  }

  #follow(begin: FollowOptions): void {
    if (this.#shown === null) return;
    const { caller, stream, sources } = this.#shown;
    this.#follower = followLog(
      caller,
      stream,
      {
        records: (records, batch) => this.#add(records, batch),
        lagged: (lagged) => {
          this.#window?.lag(lagged);
          this.#changed();
        },
        reset: () => {
          const window = this.#openWindow();
          window?.book.interrupt(
            "The store of this log was replaced: here it is from its oldest line on.",
          );
        },
        ended: (end) => this.#ended(end),
      },
      sources === null ? begin : { ...begin, sources },
    );
  }

  /** Holds nothing, and what comes from now on. */
  #openWindow(): LogWindow | null {
    this.#window?.close();
    if (this.#shown === null) return null;
    this.#missed = 0;
    this.#window = new LogWindow(this.#shown, {
      changed: () => this.#changed(),
      failed: (error) => this.#fetchFailed(error),
      replaced: () => this.#start(),
      followedTo: () => this.#follower?.position?.next ?? null,
    });
    this.#view.show(this.#window.book);
    this.#changed();
    return this.#window;
  }

  #add(records: readonly LogRecord[], batch: Batch): void {
    const added = this.#window?.add(records, batch, this.#view.isFollowing) ?? 0;
    if (!this.#view.isFollowing) this.#missed += added;
    this.#toolbar.offer(records);
    this.#changed();
  }

  #ended(end: FollowEnd): void {
    this.#showBadge(badgeOfEnd(end));
    this.#showEnd(end);
    if (!this.#isReadable) {
      this.#searches += 1;
      this.#toolbar.say("");
    }
    this.#showStale(null);
    announce(`${this.stream ?? ""}: ${sentenceOf(end)}`);
    this.#onEnded();
  }

  // ---- other lines than the last

  #fetchEarlier(): void {
    const window = this.#window;
    if (window === null || !this.#isReadable || !window.hasEarlier || window.isFetching) return;
    const line = window.book.chunks[0]?.lines[0];
    // It is full: another one begins where the reader is, without what is far below.
    if (window.book.exceeds(HELD) && line !== undefined) void this.#show(line, window.epoch, false);
    else void window.fetchEarlier();
  }

  #fetchFailed(error: unknown): void {
    // There is a next time when the connection is back.
    if (error instanceof ConnectionLost) return;
    const isRevoked = error instanceof RequestError && error.uri === NOT_AUTHORIZED;
    this.#follower?.stop();
    this.#ended({ kind: isRevoked ? "revoked" : "failed", reason: textOf(error) });
  }

  /** Brings a line into sight, wherever in the log it is. */
  async #show(
    at: Pick<Line, "seq" | "source">,
    epoch: number | null,
    isFound: boolean,
  ): Promise<void> {
    const held = isFound ? (this.#window?.book.lineOf(at) ?? null) : null;
    if (held !== null) return this.#view.reveal(held, isFound);
    const window = this.#openWindow();
    if (window === null || epoch === null) return;
    await window.openAt(at.seq, epoch);
    const line = window.book.lineOf(at);
    if (window === this.#window && line !== null) this.#view.reveal(line, isFound);
  }

  #jump(): void {
    if (this.#window?.isAttached === false && this.#isReadable) this.#start();
    this.#view.jumpToEnd();
    byId("scroller").focus();
  }

  get #isReadable(): boolean {
    return this.#end === null || this.#end.kind === "sealed";
  }

  // ---- what one may do with it

  async #find(text: string, ignoreCase: boolean, backwards: boolean): Promise<void> {
    const shown = this.#shown;
    if (shown === null) return;
    const search = ++this.#searches;
    const last = this.#match?.text === text ? this.#match : null;
    const start = last === null ? {} : { start: last.seq + (backwards ? 0 : 1), epoch: last.epoch };
    const chosen = shown.sources === null ? {} : { sources: shown.sources };
    this.#toolbar.say("Searching\u2026");
    try {
      const found = await findNext(
        shown.caller,
        shown.stream,
        { text, ignoreCase, ...chosen },
        { ...start, backwards },
        () => search === this.#searches,
      );
      if (search !== this.#searches) return;
      if (found === null) return this.#toolbar.say(nothingFound(last !== null, backwards));
      this.#match = { text, seq: found.record.seq, epoch: found.epoch };
      this.#toolbar.say(`Found at ${shownTime(found.record.timeUs).clock}`);
      await this.#show(found.record, found.epoch, true);
    } catch (error) {
      if (search === this.#searches) this.#toolbar.say(`Not searched: ${textOf(error)}`);
    }
  }

  #chooseSource(source: string | null): void {
    if (this.#shown === null) return;
    this.#shown = { ...this.#shown, sources: source === null ? null : [source] };
    this.#start();
  }

  async #download(format: "text" | "ndjson"): Promise<void> {
    const shown = this.#shown;
    if (shown === null) return;
    this.#toolbar.say("Downloading\u2026");
    const chosen = shown.sources === null ? {} : { sources: shown.sources };
    const said = await saveLog(shown.stream, this.token, { format, ...chosen }).then(
      () => "Downloaded",
      (error: unknown) => `Not downloaded: ${textOf(error)}`,
    );
    if (shown.stream === this.stream) this.#toolbar.say(said);
  }

  // ---- showing it

  #changed(): void {
    this.#view.holdsEnd = this.#window?.isAttached ?? true;
    this.#view.refresh();
    this.#showCount();
    this.#showEarlier();
    this.#showJump();
    // What stands below the lines is said of the end of the log only.
    byId("end").hidden = this.#end === null || (this.#isReadable && !this.#isAtEnd);
  }

  get #isAtEnd(): boolean {
    return this.#window?.isAttached ?? true;
  }

  #showCount(): void {
    const count = this.#window?.book.lineCount ?? 0;
    const text = count === 0 ? "" : plural(count, "line");
    const part = !this.#isAtEnd ? "a part, " : this.#window?.hasEarlier ? "last " : "";
    byId("log-count").textContent = text === "" ? "" : part + text;
  }

  #showBadge({ text, tone }: Badge): void {
    const badge = byId("log-badge");
    badge.textContent = text;
    badge.dataset["tone"] = tone;
  }

  #showStale(sinceUs: StreamInfo["staleSinceUs"]): void {
    const banner = byId("stale");
    const text =
      sinceUs === null
        ? ""
        : `Nothing is heard of this log's producer since ${shownMoment(sinceUs)}. It may have ended without a word.`;
    banner.hidden = sinceUs === null;
    if (banner.textContent !== text) banner.textContent = text;
  }

  #showEarlier(): void {
    const element = byId("earlier");
    const window = this.#window;
    const hasMore = this.#isReadable && window?.hasEarlier === true;
    const kind = hasMore ? "more" : window?.hasLostEarlier ? "gone" : "none";
    const isFetching = window?.isFetching === true;
    const state = `${kind} ${String(isFetching)}`;
    if (element.dataset["state"] === state) return;
    element.dataset["state"] = state;
    element.hidden = kind === "none";
    if (kind === "gone") element.replaceChildren("Earlier lines are not kept any more.");
    else if (isFetching) element.replaceChildren("Fetching more lines\u2026");
    else element.replaceChildren(button("plain", "Earlier lines", () => this.#fetchEarlier()));
  }

  #showJump(): void {
    const { isFollowing } = this.#view;
    if (isFollowing) this.#missed = 0;
    const jump = byId("jump");
    jump.hidden = isFollowing;
    const where = this.#end === null ? "Jump to live" : "Jump to the end";
    jump.textContent = this.#missed > 0 ? `${where} (${plural(this.#missed, "new line")})` : where;
  }

  #showEnd(end: FollowEnd | null): void {
    this.#end = end;
    const element = byId("end");
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

function nothingFound(isAfterMatch: boolean, backwards: boolean): string {
  if (!isAfterMatch) return "Not found";
  return backwards ? "No earlier match" : "No later match";
}
