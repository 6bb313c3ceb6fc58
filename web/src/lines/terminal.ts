/**
 * What a terminal would show of one line, kept up to date while the line is still being printed.
 *
 * Carriage returns, backspaces and the escape sequences that erase move over what is there, as a
 * progress bar intends; colours and other sequences are left out. Other control characters become
 * escapes such as \x00 (their pictures, U+2400 and on, are in few fonts), and bytes that are not
 * UTF-8 become U+FFFD, so that nothing which a container prints can hide or break its neighbours.
 * It is a view: the record keeps all.
 */

import type { Text } from "../sdk/text.ts";

// The control characters are the point here.
/** What moves the place of writing, and what is left out: CSI, OSC and two-character escapes. */
const TOKEN =
  /\r|\x08|\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]/;
const TOKENS = new RegExp(`(${TOKEN.source})`);
/** An escape sequence that the next part completes. 64 characters are enough for a real one. */
const UNFINISHED = /\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,64}\x1b?)?$/;
const UNPRINTABLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const ERASE_TO_END = /^\x1b\[0?K$/;
const ERASE_LINE = /^\x1b\[2K$/;

export class TerminalLine {
  #shown = "";
  #column = 0;
  #rewrites = 0;
  #unfinished = "";
  #decoder: TextDecoder | null = null;

  /** The line as it stands. */
  get text(): string {
    return this.#shown;
  }

  /** How often something was written over what was there: more than 0 for a progress bar. */
  get rewrites(): number {
    return this.#rewrites;
  }

  /** Writes the next part. A character whose bytes are cut between two parts is put together. */
  write(part: Text): void {
    if (typeof part !== "string") {
      this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
      this.#interpret(this.#decoder.decode(part, { stream: true }));
    } else {
      this.#flush();
      this.#interpret(part);
    }
  }

  /** The line is complete: a character that still lacks bytes will not get them any more. */
  finish(): void {
    this.#flush();
    this.#unfinished = "";
  }

  #flush(): void {
    if (this.#decoder === null) return;
    const rest = this.#decoder.decode();
    this.#decoder = null;
    if (rest !== "") this.#interpret(rest);
  }

  #interpret(part: string): void {
    const text = this.#unfinished + part;
    const cut = UNFINISHED.exec(text)?.index ?? text.length;
    this.#unfinished = text.slice(cut);
    for (const [index, piece] of text.slice(0, cut).split(TOKENS).entries()) {
      // split() with a group: texts at even places, what separates them at odd ones.
      if (index % 2 === 1) this.#control(piece);
      else if (piece !== "") this.#put(piece.replace(UNPRINTABLE, escaped));
    }
  }

  #control(token: string): void {
    if (token === "\r") this.#column = 0;
    else if (token === "\b") this.#column = Math.max(0, this.#column - 1);
    else if (ERASE_LINE.test(token)) this.#shown = " ".repeat(this.#column);
    else if (ERASE_TO_END.test(token)) this.#shown = this.#shown.slice(0, this.#column);
  }

  #put(text: string): void {
    if (this.#column < this.#shown.length) {
      const before = this.#shown.slice(0, this.#column);
      this.#shown = before + text + this.#shown.slice(this.#column + text.length);
      this.#rewrites += 1;
    } else {
      this.#shown += text;
    }
    this.#column += text.length;
  }
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
