/** The state of the connection, for the eye all the time and for the ear when it matters. */

import type { Connection, ConnectionState } from "../sdk/index.ts";
import { announce, byId } from "./dom.ts";

export class ConnectionBar {
  #state: ConnectionState = { kind: "closed" };
  #wasLive = false;
  #isLost = false;
  #connection: Connection | null = null;

  constructor() {
    byId("retry").addEventListener("click", () => this.#connection?.retryNow());
    setInterval(() => this.#show(), 1_000);
  }

  watch(connection: Connection): void {
    this.#connection = connection;
    this.#wasLive = false;
    this.#isLost = false;
    this.#enter(connection.state);
    connection.onState((state) => {
      if (connection === this.#connection) this.#enter(state);
    });
  }

  #enter(state: ConnectionState): void {
    this.#state = state;
    this.#show();
    if (state.kind === "live") {
      if (this.#isLost) announce("Connected again.");
      this.#wasLive = true;
      this.#isLost = false;
    } else if (state.kind === "waiting" && !this.#isLost) {
      // Once; the seconds are for the eye only.
      announce(this.#wasLive ? "Connection lost. Reconnecting." : "No connection. Trying again.");
      this.#isLost = true;
    }
  }

  #show(): void {
    const bar = byId("connection");
    bar.dataset["kind"] = this.#state.kind;
    const text = textOf(this.#state);
    const element = byId("connection-text");
    if (element.textContent !== text) element.textContent = text;
    bar.title = this.#state.kind === "waiting" ? this.#state.reason : "";
    byId("retry").hidden = this.#state.kind !== "waiting";
  }
}

function textOf(state: ConnectionState): string {
  switch (state.kind) {
    case "connecting":
      return "Connecting\u2026";
    case "live":
      return "Connected";
    case "waiting": {
      const seconds = Math.max(1, Math.ceil((state.retryAtMs - Date.now()) / 1_000));
      return `Reconnecting in ${seconds} s`;
    }
    case "refused":
      return "Not connected";
    case "closed":
      return "";
  }
}
