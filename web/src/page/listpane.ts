/** The list of the logs that the user may read: kept up to date, filtered, walked with arrow keys. */

import { plural, shownSize } from "../lines/marker.ts";
import { ConnectionLost, Directory, type Caller, type StreamInfo } from "../sdk/index.ts";
import { fragmentOfLog } from "./address.ts";
import { byId, make, setText } from "./dom.ts";
import { badgeOfStream } from "./status.ts";
import { shownAge, shownMoment } from "./times.ts";

/** How old sizes, and what new rights have brought, may get; all else comes as it happens. */
const REFRESH_MS = 15_000;
/** More entries than this help nobody without the filter; the note says that there are more. */
const SHOWN_LIMIT = 1_000;
/** A thousand containers that start at once are shown at once, not a thousand times. */
const SETTLE_MS = 50;

export type Streams = ReadonlyMap<string, StreamInfo>;

export class ListPane {
  readonly #onStreams: (streams: Streams) => void;
  readonly #list = byId("list");
  readonly #filter = byId<HTMLInputElement>("filter");
  readonly #items = new Map<string, HTMLLIElement>();
  #directory: Directory | null = null;
  #chosen: string | null = null;
  #isScheduled = false;

  /** @param onStreams called when the streams have changed */
  constructor(onStreams: (streams: Streams) => void) {
    this.#onStreams = onStreams;
    this.#filter.addEventListener("input", () => this.#show());
    this.#filter.addEventListener("keydown", (event) => this.#filterKey(event));
    this.#list.addEventListener("keydown", (event) => this.#listKey(event));
    setInterval(() => this.#refreshIfSeen(), REFRESH_MS);
    addEventListener("focus", () => this.refresh());
    document.addEventListener("visibilitychange", () => this.#refreshIfSeen());
  }

  open(caller: Caller | null): void {
    this.#directory?.stop();
    this.#directory = caller === null ? null : this.#directoryOf(caller);
    this.#show();
  }

  choose(stream: string | null): void {
    this.#chosen = stream;
    this.#show();
  }

  /** Reads the list again. */
  refresh(): void {
    void this.#directory?.refresh();
  }

  #refreshIfSeen(): void {
    if (document.visibilityState === "visible") this.refresh();
  }

  #directoryOf(caller: Caller): Directory {
    return new Directory(caller, {
      changed: () => this.#changed(),
      failed: (error) => {
        // The connection's own line tells of a lost one, and the next session reads again.
        if (error instanceof ConnectionLost) return;
        this.#note(`The list cannot be read: ${String(error)}`);
      },
    });
  }

  #changed(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // No animation frame: those of a hidden page do not come.
    setTimeout(() => {
      this.#isScheduled = false;
      this.#show();
      if (this.#directory !== null) this.#onStreams(this.#directory.streams);
    }, SETTLE_MS);
  }

  // ---- keys

  #filterKey(event: KeyboardEvent): void {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#links()[0]?.focus();
    } else if (event.key === "Escape" && this.#filter.value !== "") {
      event.preventDefault();
      this.#filter.value = "";
      this.#show();
    }
  }

  #listKey(event: KeyboardEvent): void {
    const links = this.#links();
    const index = links.indexOf(document.activeElement as HTMLAnchorElement);
    if (index < 0) return;
    const target =
      event.key === "ArrowDown"
        ? Math.min(index + 1, links.length - 1)
        : event.key === "ArrowUp"
          ? index - 1
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? links.length - 1
              : null;
    if (target === null) return;
    event.preventDefault();
    (links[target] ?? this.#filter).focus();
  }

  #links(): HTMLAnchorElement[] {
    return [...this.#list.querySelectorAll("a")];
  }

  // ---- showing it

  #show(): void {
    const wanted = this.#filter.value.trim().toLowerCase();
    const streams = [...(this.#directory?.streams.values() ?? [])];
    const found = streams.filter(
      ({ stream, object }) =>
        stream.toLowerCase().includes(wanted) || object.toLowerCase().includes(wanted),
    );
    const shown = found.sort(byImportance).slice(0, SHOWN_LIMIT);
    this.#match(shown);
    this.#note(this.#noteOn(streams.length, found.length, shown.length));
  }

  #noteOn(all: number, found: number, shown: number): string {
    if (this.#directory?.isListed !== true) return "";
    if (all === 0) return "There is no log that you may read.";
    if (found === 0) return "No log matches the filter.";
    if (found > shown)
      return `${plural(found - shown, "more log")}: narrow the filter to see them.`;
    return this.#directory.isComplete
      ? ""
      : `Only ${plural(all, "log")} of all are looked through.`;
  }

  #note(text: string): void {
    const note = byId("list-note");
    note.textContent = text;
    note.hidden = text === "";
  }

  /** Makes the list that of these streams, moving nothing that need not move: focus would be lost. */
  #match(streams: readonly StreamInfo[]): void {
    const focused = document.activeElement;
    const names = new Set(streams.map(({ stream }) => stream));
    for (const [name, item] of this.#items) {
      if (names.has(name)) continue;
      item.remove();
      this.#items.delete(name);
    }
    let place = this.#list.firstElementChild;
    for (const info of streams) {
      const item = this.#itemOf(info);
      if (item === place) place = place.nextElementSibling;
      else this.#list.insertBefore(item, place);
    }
    if (
      focused instanceof HTMLElement &&
      focused !== document.activeElement &&
      focused.isConnected
    ) {
      focused.focus();
    }
  }

  #itemOf(info: StreamInfo): HTMLLIElement {
    let item = this.#items.get(info.stream);
    if (item === undefined) {
      item = makeItem(info.stream);
      this.#items.set(info.stream, item);
    }
    fillItem(item, info, info.stream === this.#chosen);
    return item;
  }
}

/** Those that run come first, then the newest. */
function byImportance(one: StreamInfo, other: StreamInfo): number {
  const isLive = Number(other.sealed === null) - Number(one.sealed === null);
  return isLive || other.createdUs - one.createdUs || one.stream.localeCompare(other.stream);
}

function makeItem(stream: string): HTMLLIElement {
  const item = make("li", "item");
  const link = make("a", "");
  link.href = fragmentOfLog(stream);
  link.append(make("span", "name", stream), make("span", "badge"), make("span", "about"));
  item.append(link);
  return item;
}

function fillItem(item: HTMLLIElement, info: StreamInfo, isChosen: boolean): void {
  const link = item.querySelector("a");
  const badge = item.querySelector<HTMLElement>(".badge");
  const about = item.querySelector<HTMLElement>(".about");
  if (link === null || badge === null || about === null) return;
  if (isChosen) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
  const { text, tone } = badgeOfStream(info);
  setText(badge, text);
  badge.dataset["tone"] = tone;
  link.title = info.createdUs > 0 ? `${info.stream}, ${shownMoment(info.createdUs)}` : info.stream;
  const facts = [
    info.createdUs > 0 ? shownAge(info.createdUs, Date.now()) : "",
    info.attempt > 1 ? `attempt ${info.attempt}` : "",
    shownSize(info.bytes),
    info.object === info.stream ? "" : info.object,
  ];
  setText(about, facts.filter((fact) => fact !== "").join(" \u00b7 "));
}
