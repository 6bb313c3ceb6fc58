/** One line of a log: the records of one source that belong together, or a notice between them. */

import { FLAG_MARKER, FLAG_PARTIAL, type LogRecord } from "../sdk/wire.ts";
import type { Text } from "../sdk/text.ts";
import { markerText } from "./marker.ts";
import { TerminalLine } from "./terminal.ts";

/** `output` is what the container printed; `notice` is about the stream itself, in our words. */
export type LineKind = "output" | "notice";

export class Line {
  readonly kind: LineKind;
  /** The sequence number of its first record; -1 for what is no record. */
  readonly seq: number;
  /** When its first byte was printed, in microseconds since 1970; 0 for what is no record. */
  readonly timeUs: number;
  readonly source: string;
  /** Grows with every change, so that a view can tell whether it shows the latest. */
  version = 0;
  /** Everything that was printed, as it came. */
  readonly parts: Text[] = [];
  /** Characters, or bytes where it is no text, of what was printed. */
  size = 0;
  /** The sequence number of its last record. */
  lastSeq: number;
  #isOpen = false;
  readonly #terminal = new TerminalLine();

  private constructor(kind: LineKind, seq: number, timeUs: number, source: string) {
    this.kind = kind;
    this.seq = seq;
    this.lastSeq = seq;
    this.timeUs = timeUs;
    this.source = source;
  }

  static ofRecord(record: LogRecord): Line {
    if ((record.flags & FLAG_MARKER) !== 0) {
      const line = new Line("notice", record.seq, record.timeUs, record.source);
      line.#write(markerText(record.text));
      return line;
    }
    const line = new Line("output", record.seq, record.timeUs, record.source);
    line.extend(record);
    return line;
  }

  /** A line of ours in the place of records that are missing. */
  static ofGap(text: string): Line {
    const line = new Line("notice", -1, 0, "");
    line.#write(text);
    return line;
  }

  /** Whether it is no record, but says that some are missing here. */
  get isGap(): boolean {
    return this.seq < 0;
  }

  /** Whether the next record of this source goes on with this line. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What a terminal would show of it. */
  get text(): string {
    return this.#terminal.text;
  }

  /** How often something was written over what was there: more than 0 for a progress bar. */
  get rewrites(): number {
    return this.#terminal.rewrites;
  }

  extend(record: LogRecord): void {
    this.#write(record.text);
    this.#settle((record.flags & FLAG_PARTIAL) !== 0);
    this.lastSeq = record.seq;
  }

  /** Takes over a line that proves to be the rest of this one. */
  absorb(rest: Line): void {
    for (const part of rest.parts) this.#write(part);
    this.#settle(rest.isOpen);
    this.lastSeq = rest.lastSeq;
  }

  /** All that was printed, each state of a progress bar on a line of its own. */
  unfolded(): string {
    const states: string[] = [];
    for (const state of wholeText(this.parts).split("\r")) {
      const terminal = new TerminalLine();
      terminal.write(state);
      terminal.finish();
      if (terminal.text !== "") states.push(terminal.text);
    }
    return states.join("\n");
  }

  #write(part: Text): void {
    this.parts.push(part);
    this.size += part.length;
    this.#terminal.write(part);
    this.version += 1;
  }

  #settle(isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (!isOpen) this.#terminal.finish();
    this.version += 1;
  }
}

function wholeText(parts: readonly Text[]): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const encoder = new TextEncoder();
  const text = parts.map((part) => {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    return decoder.decode(bytes, { stream: true });
  });
  return text.join("") + decoder.decode();
}
