/** The list of the logs that the user may read: kept up to date, filtered, walked with arrow keys. */

import { plural } from "../lines/marker.ts";
import { ConnectionLost, listLogs, type Caller, type StreamInfo } from "../sdk/index.ts";
import { fragmentOf } from "./address.ts";
import { byId, make } from "./dom.ts";
import { badgeOf } from "./status.ts";
import { shownMoment } from "./times.ts";

/** How old the list may get while it is looked at. */
const REFRESH_MS = 5_000;
/** More entries than this help nobody without the filter; the note says that there are more. */
const SHOWN_LIMIT = 1_000;
/** Pages of 1 000 that one refresh reads at most. */
const PAGES_LIMIT = 10;

export class ListPane {
  readonly #onList: (streams: readonly StreamInfo[]) => void;
  readonly #list = byId("list");
  readonly #filter = byId<HTMLInputElement>("filter");
  readonly #items = new Map<string, HTMLLIElement>();
  #caller: Caller | null = null;
  #streams: readonly StreamInfo[] | null = null;
  #chosen: string | null = null;
  #isReading = false;

  /** @param onList called with every list that was read */
  constructor(onList: (streams: readonly StreamInfo[]) => void) {
    this.#onList = onList;
    this.#filter.addEventListener("input", () => this.#show());
    this.#filter.addEventListener("keydown", (event) => this.#filterKey(event));
    this.#list.addEventListener("keydown", (event) => this.#listKey(event));
    setInterval(() => void this.#refreshIfSeen(), REFRESH_MS);
    addEventListener("focus", () => void this.refresh());
    document.addEventListener("visibilitychange", () => void this.#refreshIfSeen());
  }

  open(caller: Caller | null): void {
    this.#caller = caller;
    this.#streams = null;
    this.#show();
  }

  choose(stream: string | null): void {
    this.#chosen = stream;
    this.#show();
  }

  /** Reads the list again. */
  async refresh(): Promise<void> {
    const caller = this.#caller;
    if (caller === null || !caller.isLive || this.#isReading) return;
    this.#isReading = true;
    try {
      const streams = await readAll(caller);
      if (caller !== this.#caller) return;
      this.#streams = streams;
      this.#show();
      this.#onList(streams);
    } catch (error) {
      // The connection's own line tells of a lost connection, and the next session reads again.
      if (!(error instanceof ConnectionLost))
        this.#note(`The list cannot be read: ${String(error)}`);
    } finally {
      this.#isReading = false;
    }
  }

  async #refreshIfSeen(): Promise<void> {
    if (document.visibilityState === "visible") await this.refresh();
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
    const found = (this.#streams ?? []).filter(
      ({ stream, object }) =>
        stream.toLowerCase().includes(wanted) || object.toLowerCase().includes(wanted),
    );
    const shown = [...found].sort(byImportance).slice(0, SHOWN_LIMIT);
    this.#match(shown);
    const hidden = found.length - shown.length;
    if (this.#streams === null) this.#note("");
    else if (this.#streams.length === 0) this.#note("There is no log that you may read.");
    else if (found.length === 0) this.#note("No log matches the filter.");
    else if (hidden > 0)
      this.#note(`${plural(hidden, "more log")}: narrow the filter to see them.`);
    else this.#note("");
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

async function readAll(caller: Caller): Promise<StreamInfo[]> {
  const streams: StreamInfo[] = [];
  let after: string | null = null;
  for (let pages = 0; pages < PAGES_LIMIT; pages += 1) {
    const page = await listLogs(caller, after === null ? {} : { after });
    streams.push(...page.streams);
    after = page.after;
    if (after === null) break;
  }
  return streams;
}

/** Those that run come first, then the newest. */
function byImportance(one: StreamInfo, other: StreamInfo): number {
  const isLive = Number(other.sealed === null) - Number(one.sealed === null);
  return isLive || other.createdUs - one.createdUs || one.stream.localeCompare(other.stream);
}

function makeItem(stream: string): HTMLLIElement {
  const item = make("li", "item");
  const link = make("a", "");
  link.href = fragmentOf(stream);
  link.title = stream;
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
  const { text, tone } = badgeOf(info.sealed);
  setText(badge, text);
  badge.dataset["tone"] = tone;
  const facts = [
    info.createdUs > 0 ? shownMoment(info.createdUs) : "",
    info.object === info.stream ? "" : info.object,
  ];
  setText(about, facts.filter((fact) => fact !== "").join(" \u00b7 "));
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
