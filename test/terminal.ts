// A pseudo-terminal with an emulator behind it: what a program's output looks like on the screen. The terminal
// is made by util-linux' `script`, resized by `stty`.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import headless, { type IBuffer } from '@xterm/headless';
import { withFolder } from './support.js';

const ROWS = 24;

export interface TerminalOptions {
  readonly columns: number;
  /** Whether the emulator wraps the cursor's line anew when its width changes; terminals differ in this. */
  readonly reflow?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** A program that runs in a terminal. */
export interface Terminal {
  /** The lines on the screen, without empty ones at the end. */
  readonly screen: () => string[];
  /** Everything that the program wrote. */
  readonly output: () => string;
  /** Sends a line of input. */
  readonly send: (line: string) => void;
  /** Waits until the program has written `OSC 777` so many times in all. */
  readonly acknowledged: (count: number) => Promise<void>;
  readonly resize: (columns: number) => Promise<void>;
  /** Ends its input, and waits for its exit code. */
  readonly ended: () => Promise<number | null>;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * Moves the cursor to the first of the rows that its line was wrapped into, where terminals that wrap lines anew
 * (tmux, VTE, kitty) keep a cursor at the start of a line; xterm.js leaves it on the last.
 */
const up = (buffer: IBuffer): string => {
  let rows = 0;
  while (buffer.getLine(buffer.baseY + buffer.cursorY - rows)?.isWrapped) rows++;
  return rows === 0 ? '' : `\u001b[${rows}A`;
};

/** Runs a command in a terminal, and ends it when `use` returns. */
export const withTerminal = <T>(
  command: readonly string[],
  { columns, reflow = true, env }: TerminalOptions,
  use: (terminal: Terminal) => Promise<T>,
): Promise<T> =>
  withFolder(async (folder) => {
    const name = join(folder, 'tty');
    const emulator = new headless.Terminal({
      cols: columns,
      rows: ROWS,
      allowProposedApi: true,
      reflowCursorLine: reflow,
    });
    let [acks, output, waiting] = [0, '', (): void => undefined];
    emulator.parser.registerOscHandler(777, () => {
      acks++;
      waiting();
      return true;
    });
    const prepare = `stty -echo cols ${columns} rows ${ROWS}; tty > ${quoted(name)}`;
    const child = spawn(
      'script',
      ['-qfec', `${prepare}; exec ${command.map(quoted).join(' ')}`, '/dev/null'],
      {
        env: { ...process.env, TERM: 'xterm-256color', ...env },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const written: Promise<void>[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      written.push(new Promise((resolve) => emulator.write(text, resolve)));
    });
    const closed = once(child, 'close');
    const row = (y: number): string =>
      emulator.buffer.active.getLine(emulator.buffer.active.baseY + y)?.translateToString(true) ?? '';
    try {
      while (!existsSync(name) || !readFileSync(name, 'utf8').endsWith('\n')) await delay(5);
      return await use({
        screen: () => {
          const rows = Array.from({ length: ROWS }, (_, y) => row(y));
          return rows.slice(0, rows.findLastIndex((text) => text !== '') + 1);
        },
        output: () => output,
        send: (line) => child.stdin.write(`${line}\n`),
        acknowledged: async (count) => {
          while (acks < count) await new Promise<void>((resolve) => (waiting = resolve));
        },
        resize: async (width) => {
          emulator.resize(width, ROWS);
          await new Promise<void>((resolve) => emulator.write(up(emulator.buffer.active), resolve));
          spawnSync('stty', ['-F', readFileSync(name, 'utf8').trim(), 'cols', String(width)]);
        },
        ended: async () => {
          child.stdin.end();
          const [code] = (await closed) as [number | null];
          await Promise.all(written);
          return code;
        },
      });
    } finally {
      child.kill('SIGKILL');
      emulator.dispose();
    }
  });
