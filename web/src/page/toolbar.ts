/** What one may do with the log that is shown: look for a text, choose a source, take it home. */

import type { LogRecord } from "../sdk/index.ts";
import { byId, make } from "./dom.ts";

/** More sources than this are no choice any more. */
const SOURCES_LIMIT = 100;

export interface ToolbarEvents {
  /** Look for the nearest match, towards earlier lines or later ones. */
  find(text: string, ignoreCase: boolean, backwards: boolean): void;
  /** Show this source only; null shows all. */
  chooseSource(source: string | null): void;
  download(format: "text" | "ndjson"): void;
}

export class Toolbar {
  readonly #events: ToolbarEvents;
  readonly #text = byId<HTMLInputElement>("search");
  readonly #matchCase = byId<HTMLInputElement>("search-case");
  readonly #source = byId<HTMLSelectElement>("source");
  readonly #sources = new Set<string>();

  constructor(events: ToolbarEvents) {
    this.#events = events;
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#find(true);
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.#find(false);
    });
    byId("search-later").addEventListener("click", () => this.#find(false));
    this.#source.addEventListener("change", () => events.chooseSource(this.#source.value || null));
    byId("download-text").addEventListener("click", () => events.download("text"));
    byId("download-ndjson").addEventListener("click", () => events.download("ndjson"));
  }

  /** Another log is shown: nothing is looked for or chosen yet. */
  clear(): void {
    this.#text.value = "";
    this.#sources.clear();
    this.#source.replaceChildren(optionOf("", "All sources"));
    this.say("");
  }

  /** What has come of it, for the eye and the ear. */
  say(text: string): void {
    byId("tools-status").textContent = text;
  }

  /** Offers the sources of these records as well. */
  offer(records: readonly LogRecord[]): void {
    for (const { source } of records) {
      if (this.#sources.has(source) || this.#sources.size >= SOURCES_LIMIT) continue;
      this.#sources.add(source);
      this.#source.append(optionOf(source, source));
    }
  }

  #find(backwards: boolean): void {
    if (this.#text.value !== "") {
      this.#events.find(this.#text.value, !this.#matchCase.checked, backwards);
    }
  }
}

function optionOf(value: string, label: string): HTMLOptionElement {
  const option = make("option", "", label);
  option.value = value;
  return option;
}
