/**
 * The lines of a log that are held in memory, in chunks, from the earliest loaded to the last.
 *
 * Records come in at either end: live ones behind, earlier ones in front. A record that goes on
 * with an unfinished line is joined to it, wherever that line stands: sources print at the same
 * time, so the lines of another one may lie between. Pure; the view compares version numbers.
 */

import type { LogRecord } from "../sdk/wire.ts";
import { Line } from "./line.ts";

/**
 * Lines a chunk. A chunk is what the view renders or leaves out as a whole: 100 lines are two to
 * three screens, and 100 000 lines make 1 000 chunks, few enough to walk through at each scroll.
 */
export const CHUNK_LINES = 100;

export class Chunk {
  readonly lines: Line[] = [];
  /** Grows when any of its lines changes, or one is added. */
  version = 0;
  /** Grows when a line goes, so that the others move up. */
  removals = 0;
}

/** How much is held. */
export interface Limit {
  readonly lines: number;
  readonly characters: number;
}

export class LogBook {
  readonly chunks: Chunk[] = [];
  #lineCount = 0;
  #size = 0;
  #firstSeq: number | null = null;
  /** The unfinished line of each source, at the end of what is held. */
  readonly #open = new Map<string, Line>();
  /** The sources whose first line held is known not to be the rest of an earlier one. */
  readonly #severed = new Set<string>();
  readonly #chunkOf = new Map<Line, Chunk>();

  get lineCount(): number {
    return this.#lineCount;
  }

  /** From this sequence number on all is held that is wanted; null while there is none. */
  get firstSeq(): number | null {
    return this.#firstSeq;
  }

  /** Whether more is held than one should. */
  exceeds(limit: Limit): boolean {
    return this.#lineCount > limit.lines || this.#size > limit.characters;
  }

  /** The line that a record of this source has become, or a part of; null where it is not held. */
  lineOf({ seq, source }: Pick<LogRecord, "seq" | "source">): Line | null {
    for (const chunk of this.chunks) {
      for (const line of chunk.lines) {
        if (line.source === source && line.seq <= seq && line.lastSeq >= seq) return line;
      }
    }
    return null;
  }

  /** Adds records behind all that is held; they are what is wanted of the stream from `from` on. */
  append(records: readonly LogRecord[], from: number | null = records[0]?.seq ?? null): void {
    this.#firstSeq ??= from;
    for (const record of records) this.#appendOne(record);
  }

  /** Adds a notice behind all that is held: something is missing, so nothing goes on over it. */
  interrupt(text: string): void {
    this.#open.clear();
    this.#place(Line.ofGap(text));
  }

  /** Adds the records that lie directly in front of all that is held, wanted from `from` on. */
  prepend(
    records: readonly LogRecord[],
    from: number | null = records[0]?.seq ?? this.#firstSeq,
  ): void {
    const earlier = new LogBook();
    earlier.append(records);
    for (const [source, unfinished] of earlier.#open) this.#joinRest(source, unfinished);
    this.#takeFront(earlier, from);
    if (records.length > 0) this.#severed.clear();
  }

  /** Adds a notice in front of all that is held: the records from `firstSeq` on are missing. */
  prependMissing(text: string, firstSeq: number): void {
    const earlier = new LogBook();
    earlier.interrupt(text);
    this.#takeFront(earlier, firstSeq);
  }

  /** Lets go of the earliest chunks while more is held than one should. */
  trim(limit: Limit): void {
    const gone: Line[] = [];
    while (this.exceeds(limit) && this.chunks.length > 1) {
      const lines = this.chunks.shift()?.lines ?? [];
      this.#lineCount -= lines.length;
      for (const line of lines) this.#size -= line.size;
      gone.push(...lines);
    }
    if (gone.length === 0) return;
    this.#firstSeq = this.#earliestRecord() ?? this.#firstSeq;
    for (const line of gone) this.#forget(line);
  }

  #takeFront(earlier: LogBook, firstSeq: number | null): void {
    for (const [line, chunk] of earlier.#chunkOf) this.#chunkOf.set(line, chunk);
    this.chunks.unshift(...earlier.chunks);
    this.#lineCount += earlier.#lineCount;
    this.#size += earlier.#size;
    this.#firstSeq = firstSeq;
  }

  #appendOne(record: LogRecord): void {
    const unfinished = this.#open.get(record.source);
    if (unfinished === undefined) {
      const line = Line.ofRecord(record);
      this.#place(line);
      if (line.isOpen) this.#open.set(line.source, line);
      return;
    }
    this.#size -= unfinished.size;
    unfinished.extend(record);
    this.#size += unfinished.size;
    this.#touch(unfinished);
    if (!unfinished.isOpen) this.#open.delete(record.source);
  }

  #place(line: Line): void {
    let chunk = this.chunks.at(-1);
    if (chunk === undefined || chunk.lines.length >= CHUNK_LINES) {
      chunk = new Chunk();
      this.chunks.push(chunk);
    }
    chunk.lines.push(line);
    chunk.version += 1;
    this.#chunkOf.set(line, chunk);
    this.#lineCount += 1;
    this.#size += line.size;
  }

  #touch(line: Line): void {
    const chunk = this.#chunkOf.get(line);
    if (chunk !== undefined) chunk.version += 1;
  }

  /** The first line of that source held is the rest of the unfinished one in front of it. */
  #joinRest(source: string, unfinished: Line): void {
    if (this.#severed.has(source)) return;
    for (const chunk of this.chunks) {
      for (const line of chunk.lines) {
        if (line.isGap) return;
        if (line.kind !== "output" || line.source !== source) continue;
        this.#size -= unfinished.size;
        unfinished.absorb(line);
        this.#size += unfinished.size;
        if (this.#open.get(source) === line) this.#open.set(source, unfinished);
        this.#remove(line);
        return;
      }
    }
    this.#open.set(source, unfinished);
  }

  #remove(line: Line): void {
    const chunk = this.#chunkOf.get(line);
    if (chunk === undefined) return;
    chunk.lines.splice(chunk.lines.indexOf(line), 1);
    chunk.version += 1;
    chunk.removals += 1;
    this.#chunkOf.delete(line);
    this.#lineCount -= 1;
    this.#size -= line.size;
  }

  #earliestRecord(): number | null {
    for (const chunk of this.chunks) {
      for (const line of chunk.lines) if (!line.isGap) return line.seq;
    }
    return null;
  }

  /** A line of which a part lies behind what is held now would be joined to the wrong rest later. */
  #forget(line: Line): void {
    this.#chunkOf.delete(line);
    if (this.#open.get(line.source) === line) this.#open.delete(line.source);
    if (line.isOpen || line.lastSeq >= (this.#firstSeq ?? 0)) this.#severed.add(line.source);
  }
}
