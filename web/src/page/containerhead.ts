/** What stands above the log of a container: its state, live, and the button that cancels it. */

import {
  cancelContainer,
  NOT_AUTHORIZED,
  RequestError,
  textOf,
  type Caller,
  type Container,
} from "../sdk/index.ts";
import { showProgress } from "./containerpane.ts";
import {
  badgeOfContainer,
  factsOf,
  isEnding,
  isFinal,
  sentenceOfContainer,
} from "./containerwords.ts";
import { announce, byId, setText } from "./dom.ts";

const GONE = "There is no such container, or you may not see it (any more).";

export class ContainerHead {
  readonly #cancel = byId<HTMLButtonElement>("container-cancel");
  readonly #sure = byId("container-sure");
  #caller: Caller | null = null;
  #id: string | null = null;
  #container: Container | null = null;
  /** That of a request which has not been answered. */
  #isAsking = false;

  constructor() {
    this.#cancel.addEventListener("click", () => this.#ask(true));
    byId("container-no").addEventListener("click", () => this.#ask(false));
    byId("container-yes").addEventListener("click", () => void this.#end());
    this.#sure.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#ask(false);
    });
    setInterval(() => this.#show(), 1_000);
  }

  /** Shows this container; null shows none. */
  open(caller: Caller | null, id: string | null): void {
    this.#caller = caller;
    this.#id = id;
    this.#container = null;
    this.#isAsking = false;
    this.#sure.hidden = true;
    this.#say("");
    setText(byId("container-words"), "");
    byId("container").hidden = id === null;
    this.#show();
  }

  /** What it is now; null where it is not known, and, once all are, that it is not there. */
  update(container: Container | null, isWhole: boolean): void {
    this.#container = container;
    const words = byId("container-words");
    const before = words.textContent;
    setText(words, container === null ? (isWhole ? GONE : "") : sentenceOfContainer(container));
    if (before !== "" && before !== words.textContent) {
      announce(`${this.#id ?? ""}: ${words.textContent ?? ""}`);
    }
    this.#show();
  }

  #show(): void {
    const container = this.#container;
    const isOpen = container !== null && !isFinal(container);
    byId("container-state-badge").hidden = container === null;
    this.#cancel.hidden = !isOpen || !this.#sure.hidden;
    if (!isOpen) this.#sure.hidden = true;
    const bar = byId<HTMLProgressElement>("container-progress");
    if (container === null) return this.#forget(bar);
    const { text, tone } = badgeOfContainer(container);
    setText(byId("container-state-badge"), text);
    byId("container-state-badge").dataset["tone"] = tone;
    setText(byId("container-facts"), factsOf(container, Date.now()));
    const command = container.command.join(" ");
    setText(byId("container-command"), command);
    byId("container-command").title = command;
    showProgress(bar, container);
    const isGoing = this.#isAsking || isEnding(container);
    this.#cancel.disabled = isGoing;
    setText(this.#cancel, isGoing ? "Cancelling\u2026" : "Cancel");
  }

  /** Nothing stays of what one may not see any more. */
  #forget(bar: HTMLProgressElement): void {
    bar.hidden = true;
    for (const id of ["container-state-badge", "container-facts", "container-command"]) {
      setText(byId(id), "");
    }
    byId("container-command").title = "";
  }

  /** Asks once whether it is meant. */
  #ask(isAsked: boolean): void {
    this.#sure.hidden = !isAsked;
    this.#say("");
    this.#show();
    (isAsked ? byId("container-yes") : this.#cancel).focus();
  }

  async #end(): Promise<void> {
    const [caller, id] = [this.#caller, this.#id];
    if (caller === null || id === null) return;
    this.#isAsking = true;
    this.#ask(false);
    byId("scroller").focus();
    try {
      await cancelContainer(caller, id);
    } catch (error) {
      if (id === this.#id) this.#say(`Not cancelled: ${reasonOf(error)}`);
    } finally {
      if (id === this.#id) {
        this.#isAsking = false;
        this.#show();
      }
    }
  }

  #say(problem: string): void {
    const element = byId("container-problem");
    element.hidden = problem === "";
    setText(element, problem);
  }
}

function reasonOf(error: unknown): string {
  const isRefused = error instanceof RequestError && error.uri === NOT_AUTHORIZED;
  return isRefused ? "you may see this container, but not change it." : textOf(error);
}
