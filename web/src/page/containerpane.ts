/**
 * The containers that the user may see, live: what runs and what waits first, filtered by state and text.
 *
 * It watches from when it is first looked at until the connection is another one.
 */

import { plural } from "../lines/marker.ts";
import {
  parseContainer,
  watchRecords,
  type Caller,
  type Container,
  type RecordChange,
  type Watcher,
} from "../sdk/index.ts";
import { fragmentOfContainer } from "./address.ts";
import { badgeOfContainer, byUrgency, factsOf, isFinal } from "./containerwords.ts";
import { byId, make, setText } from "./dom.ts";
import { RowWindow } from "./rowwindow.ts";
import { Sorted } from "./sorted.ts";

/** A thousand containers that change at once are shown at once, not a thousand times. */
const SETTLE_MS = 50;
/** How long something takes is shown in seconds. */
const TICK_MS = 1_000;

export class ContainerPane {
  readonly #onChange: () => void;
  readonly #text = byId<HTMLInputElement>("container-filter");
  readonly #state = byId<HTMLSelectElement>("container-state");
  readonly #shown = new Sorted<Container>(byUrgency);
  readonly #changes = new Map<string, Container | null>();
  readonly #window: RowWindow;
  #caller: Caller | null = null;
  #watcher: Watcher | null = null;
  #problem = "";
  #chosen: string | null = null;
  #isScheduled = false;

  /** @param onChange called when containers are different */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    const list = byId("containers");
    this.#window = new RowWindow(
      list,
      {
        indexOf: (id) => this.#shown.indexOf(id),
        idAt: (index) => this.#at(index).id,
        fill: (link, index) => this.#fill(link, this.#at(index)),
        count: () => this.#shown.items.length,
      },
      () => this.#text.focus(),
    );
    this.#text.addEventListener("input", () => this.#filter());
    this.#state.addEventListener("change", () => this.#filter());
    this.#text.addEventListener("keydown", (event) => this.#filterKey(event));
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Whose containers they are; null: nobody's. */
  open(caller: Caller | null): void {
    this.#watcher?.stop();
    this.#watcher = null;
    this.#caller = caller;
    this.#problem = "";
    this.#changes.clear();
    this.#shown.fill([]);
    this.#show();
  }

  /** Somebody looks at it: watches, unless it does; again where it had to stop. */
  look(): void {
    if (this.#caller !== null && (this.#watcher === null || this.#problem !== "")) {
      this.#problem = "";
      this.#shown.fill([]);
      this.#watcher = watchRecords(
        this.#caller,
        { kind: "container" },
        {
          changed: (changes) => this.#changed(changes),
          ended: ({ reason }) => {
            this.#problem = `The containers cannot be watched: ${reason}`;
            this.#show();
          },
        },
      );
    }
    this.#show();
  }

  choose(id: string | null): void {
    this.#chosen = id;
    this.#show();
  }

  /** The container as it is; null where there is none that one may see, as far as is known. */
  get(id: string): Container | null {
    const entry = this.#watcher?.entries.get(id);
    return entry === undefined ? null : parseContainer(entry);
  }

  /** Whether all containers are known. */
  get isWhole(): boolean {
    return this.#watcher?.isWhole === true;
  }

  #at(index: number): Container {
    const container = this.#shown.items[index];
    if (container === undefined) throw new Error(`there is no row ${index}`);
    return container;
  }

  #changed(changes: readonly RecordChange[]): void {
    for (const change of changes) {
      if (change.change === "removed") this.#changes.set(change.id, null);
      else {
        const container = parseContainer(change.entry);
        this.#changes.set(container.id, this.#passes(container) ? container : null);
      }
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // No animation frame: those of a hidden page do not come.
    setTimeout(() => {
      this.#isScheduled = false;
      this.#shown.change(this.#changes);
      this.#changes.clear();
      this.#show();
      this.#onChange();
    }, SETTLE_MS);
  }

  // ---- the filter

  #filter(): void {
    const all = [...(this.#watcher?.entries.values() ?? [])].map(parseContainer);
    this.#changes.clear();
    this.#shown.fill(all.filter((container) => this.#passes(container)));
    this.#show();
  }

  #passes(container: Container): boolean {
    const state = this.#state.value;
    const isOfState =
      state === "" || (state === "open" ? !isFinal(container) : state === container.state);
    const wanted = this.#text.value.trim().toLowerCase();
    if (!isOfState || wanted === "") return isOfState;
    const { id, name, dispatcher, command } = container;
    return `${id}\n${name}\n${dispatcher ?? ""}\n${command.join(" ")}`
      .toLowerCase()
      .includes(wanted);
  }

  #filterKey(event: KeyboardEvent): void {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      if (this.#shown.items.length > 0) this.#window.focus(0);
    } else if (event.key === "Escape" && this.#text.value !== "") {
      event.preventDefault();
      this.#text.value = "";
      this.#filter();
    }
  }

  // ---- showing it

  #tick(): void {
    if (this.#watcher !== null && document.visibilityState === "visible") this.#window.show();
  }

  #show(): void {
    this.#window.show();
    const note = byId("container-note");
    const text = this.#noteText();
    setText(note, text);
    note.hidden = text === "";
  }

  #noteText(): string {
    if (this.#problem !== "") return this.#problem;
    if (!this.isWhole) return "";
    const all = this.#watcher?.entries.size ?? 0;
    if (all === 0) return "There is no container that you may see.";
    const shown = this.#shown.items.length;
    if (shown === 0) return "No container matches the filter.";
    return shown === all ? plural(all, "container") : `${shown} of ${plural(all, "container")}`;
  }

  #fill(link: HTMLAnchorElement, container: Container): void {
    if (link.firstChild === null) {
      link.append(make("span", "name"), make("span", "badge"), make("span", "about"));
      link.append(make("code", "command"), make("progress", ""));
      link.href = fragmentOfContainer(container.id);
    }
    if (container.id === this.#chosen) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    const [name, badge, about, command, progress] = [...link.children] as HTMLElement[];
    if (!name || !badge || !about || !command || !(progress instanceof HTMLProgressElement)) return;
    const { text, tone } = badgeOfContainer(container);
    setText(name, container.name || container.id);
    setText(badge, text);
    badge.dataset["tone"] = tone;
    setText(about, factsOf(container, Date.now()));
    setText(command, container.command.join(" "));
    link.title = container.id;
    showProgress(progress, container);
  }
}

/** The bar of what a command tells of itself. */
export function showProgress(bar: HTMLProgressElement, container: Container): void {
  bar.hidden = container.progress === null || isFinal(container);
  bar.value = container.progress ?? 0;
  bar.ariaLabel = "Progress";
}
