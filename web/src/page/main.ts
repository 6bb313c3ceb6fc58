/**
 * The page: who is looking, which logs and containers they may see, and one of them live.
 *
 * The address decides what is shown (`#log=job-17`, `#container=job-17`), so that the browser's own back, reload and
 * bookmarks work. A session lasts until signing out, other credentials, or a refusal.
 */

import { Connection, type ConnectionState } from "../sdk/index.ts";
import { fragmentOf, parseFragment, type Address, type Place } from "./address.ts";
import { ConnectionBar } from "./connectionbar.ts";
import { ContainerHead } from "./containerhead.ts";
import { ContainerPane } from "./containerpane.ts";
import {
  forgetCredentials,
  keepCredentials,
  loadCredentials,
  type Credentials,
} from "./credentials.ts";
import { byId } from "./dom.ts";
import { ListPane } from "./listpane.ts";
import { Login } from "./login.ts";
import { LogPane } from "./logpane.ts";

const REALM = "realm1";

class Page {
  readonly #bar = new ConnectionBar();
  readonly #login = new Login((credentials) => this.#signIn(credentials));
  readonly #log = new LogPane(() => this.#list.refresh());
  readonly #list = new ListPane((streams) => this.#log.update(streams));
  readonly #containers = new ContainerPane(() => this.#showContainer());
  readonly #head = new ContainerHead();
  #connection: Connection | null = null;
  #place: Place = { view: "logs", id: null };

  start(): void {
    byId("sign-out").addEventListener("click", () => this.#signOut(null));
    byId("back").addEventListener("click", (event) => {
      event.preventDefault();
      history.pushState(null, "", addressOf({ view: this.#place.view, id: null }));
      this.#route();
    });
    document.querySelector(".skip")?.addEventListener("click", (event) => {
      event.preventDefault();
      (byId("log-body").hidden ? byId("main") : byId("scroller")).focus();
    });
    addEventListener("hashchange", () => this.#route());
    addEventListener("popstate", () => this.#route());
    addEventListener("online", () => this.#connection?.retryNow());
    this.#route();
  }

  /** Does what the address says; a token in it is taken out at once. */
  #route(): void {
    const address = parseFragment(location.hash);
    if (address.token !== null) {
      history.replaceState(null, "", addressOf(address));
      if (address.user !== null) {
        this.#close();
        keepCredentials({ user: address.user, token: address.token });
      }
    }
    const credentials = address.token !== null && address.user === null ? null : loadCredentials();
    if (credentials === null) {
      this.#ask(address, address.token === null ? null : "Whose token is it?");
      return;
    }
    if (this.#connection === null) this.#open(credentials);
    this.#choose(address);
  }

  #signIn(credentials: Credentials): void {
    keepCredentials(credentials);
    this.#route();
  }

  #signOut(problem: string | null): void {
    forgetCredentials();
    this.#ask(null, problem);
  }

  #ask(address: Address | null, problem: string | null): void {
    this.#close();
    byId("panes").hidden = true;
    this.#login.show(address, problem);
  }

  #open(credentials: Credentials): void {
    const isAnonymous = credentials === "anonymous";
    const connection = new Connection({
      url: socketUrl(),
      realm: REALM,
      credentials: isAnonymous ? null : credentials,
    });
    this.#connection = connection;
    connection.onState((state) => {
      if (connection === this.#connection) this.#entered(state, credentials);
    });
    this.#login.hide();
    byId("panes").hidden = false;
    byId("user").textContent = isAnonymous ? "" : credentials.user;
    byId("sign-out").hidden = false;
    byId("sign-out").textContent = isAnonymous ? "Sign in" : "Sign out";
    this.#bar.watch(connection);
    this.#list.open(connection);
    this.#containers.open(connection);
    this.#log.token = isAnonymous ? null : credentials.token;
    connection.open();
  }

  #close(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#log.open(null, null);
    this.#log.token = null;
    this.#list.open(null);
    this.#containers.open(null);
    this.#head.open(null, null);
    this.#place = { view: "logs", id: null };
    byId("user").textContent = "";
    byId("sign-out").hidden = true;
    connection?.close();
  }

  #entered(state: ConnectionState, credentials: Credentials): void {
    if (state.kind !== "refused") return;
    const who =
      credentials === "anonymous" ? "you without a token" : `this token of '${credentials.user}'`;
    this.#signOut(`The server does not accept ${who}: ${state.reason}`);
  }

  #choose({ view, id }: Place): void {
    const isAnother = view !== this.#place.view || id !== this.#place.id;
    const isOfContainers = view === "containers";
    this.#place = { view, id };
    byId("log-view").hidden = isOfContainers;
    byId("container-view").hidden = !isOfContainers;
    mark(byId("to-logs"), !isOfContainers);
    mark(byId("to-containers"), isOfContainers);
    byId("back").textContent = isOfContainers ? "Containers" : "Logs";
    if (isAnother) this.#head.open(this.#connection, isOfContainers ? id : null);
    this.#list.choose(isOfContainers ? null : id);
    this.#containers.choose(isOfContainers ? id : null);
    if (isOfContainers) {
      this.#containers.look();
      if (isAnother) this.#expect(id);
      this.#showContainer();
    } else if (isAnother || id !== this.#log.stream) this.#log.open(this.#connection, id);
    byId("panes").dataset["pane"] = id === null ? "list" : "log";
    document.title = id === null ? "Fairlead" : `${id} \u00b7 Fairlead`;
    // On a narrow screen the list has gone, and the focus with it.
    const focused = document.activeElement;
    if (
      focused instanceof HTMLElement &&
      focused !== document.body &&
      focused.offsetParent === null
    ) {
      byId(id === null ? "list-title" : "log-title").focus();
    }
  }

  #expect(id: string | null): void {
    if (id === null) this.#log.open(null, null);
    else this.#log.expect(id);
  }

  /** The chosen container as it is now; its log from when it has one. */
  #showContainer(): void {
    const { view, id } = this.#place;
    if (view !== "containers" || id === null) return;
    const container = this.#containers.get(id);
    this.#head.update(container, this.#containers.isWhole);
    const stream = container?.log ?? null;
    // Who may not see the container any more is told by its log that this has ended too.
    if (stream !== null && stream !== this.#log.stream) this.#log.open(this.#connection, stream);
  }
}

function mark(link: HTMLElement, isCurrent: boolean): void {
  if (isCurrent) link.setAttribute("aria-current", "page");
  else link.removeAttribute("aria-current");
}

function addressOf(place: Place): string {
  return `${location.pathname}${location.search}${fragmentOf(place)}`;
}

/** The router listens beside the page. */
function socketUrl(): string {
  const url = new URL("ws", location.href.replace(/[?#].*$/, ""));
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

new Page().start();
