// TensorBoard's event files: protocol buffers in TFRecord frames. Scalars only.
import { type FileHandle, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { writeError } from '../../io/files.js';

const field = (type: string, id: number, rule?: 'repeated'): protobuf.IField => ({
  type,
  id,
  ...(rule && { rule }),
});

/** The messages of tensorflow/core/util/event.proto and framework/summary.proto that scalars need. */
const { Event } = (() => {
  const root = protobuf.Root.fromJSON({
    nested: {
      // A member of a oneof, so that 0 is written too.
      Value: {
        oneofs: { value: { oneof: ['simpleValue'] } },
        fields: { tag: field('string', 1), simpleValue: field('float', 2) },
      },
      Summary: { fields: { value: field('Value', 1, 'repeated') } },
      SessionLog: { fields: { status: field('int32', 1) } },
      Event: {
        fields: {
          wallTime: field('double', 1),
          step: field('int64', 2),
          fileVersion: field('string', 3),
          summary: field('Summary', 5),
          sessionLog: field('SessionLog', 7),
        },
      },
    },
  });
  return { Event: root.lookupType('Event') };
})();

const CASTAGNOLI = 0x82f63b78;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C of bytes. */
export const crc32c = (bytes: Uint8Array): number => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
};

/**
 * TFRecord's masked checksum: rotated, with a constant added, so that checksums of checksums are not
 * degenerate.
 */
const masked = (bytes: Uint8Array): number => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** A TFRecord: length, checksum of the length, data, checksum of the data. */
const record = (data: Uint8Array): Buffer => {
  const frame = Buffer.alloc(12 + data.length + 4);
  frame.writeBigUInt64LE(BigInt(data.length), 0);
  frame.writeUInt32LE(masked(frame.subarray(0, 8)), 8);
  frame.set(data, 12);
  frame.writeUInt32LE(masked(data), 12 + data.length);
  return frame;
};

const SESSION_START = 1;

/** A file of scalars for TensorBoard. The caller closes it. */
export class EventFile {
  readonly path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /**
   * Begins a new file in `folder`.
   *
   * @param step steps already done: TensorBoard then hides later steps written by an interrupted run
   */
  static async create(folder: string, step: number): Promise<EventFile> {
    const seconds = Date.now() / 1000;
    const name = `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}.${Date.now() % 1000}`;
    const path = join(folder, name);
    const events = new EventFile(path, await open(path, 'wx'));
    await events.#write({ fileVersion: 'brain.Event:2' });
    if (step > 0) await events.#write({ step: step + 1, sessionLog: { status: SESSION_START } });
    return events;
  }

  async #write(event: Readonly<Record<string, unknown>>): Promise<void> {
    const data = Event.encode(Event.fromObject({ wallTime: Date.now() / 1000, ...event })).finish();
    try {
      await this.#file.appendFile(record(data));
    } catch (error) {
      throw writeError(this.path, error);
    }
  }

  /** Adds scalars of one step, by tag ("train/loss"). */
  async scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    const value = Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue }));
    await this.#write({ step, summary: { value } });
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
