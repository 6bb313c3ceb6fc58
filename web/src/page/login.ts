/** The form that asks who is looking, where the address did not say. */

import type { Address } from "./address.ts";
import type { Credentials } from "./credentials.ts";
import { byId } from "./dom.ts";

export class Login {
  readonly #section = byId("login");
  readonly #user = byId<HTMLInputElement>("login-user");
  readonly #token = byId<HTMLInputElement>("login-token");

  constructor(onCredentials: (credentials: Credentials) => void) {
    byId("login-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const user = this.#user.value.trim();
      const token = this.#token.value.trim();
      this.#token.value = "";
      if (user !== "" && token !== "") onCredentials({ user, token });
    });
    byId("anonymous").addEventListener("click", () => onCredentials("anonymous"));
  }

  /** Asks; with what the address gave of it, and why what was given is not enough. */
  show(address: Address | null, problem: string | null): void {
    this.#section.hidden = false;
    if (address?.user) this.#user.value = address.user;
    if (address?.token) this.#token.value = address.token;
    const error = byId("login-error");
    error.textContent = problem ?? "";
    error.hidden = problem === null;
    (this.#user.value === "" ? this.#user : this.#token).focus();
  }

  hide(): void {
    this.#section.hidden = true;
  }
}
