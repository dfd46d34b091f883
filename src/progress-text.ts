// One line of progress, as wide as there is room: what does not fit is shortened or left out whole, the least
// important first.
import type { ProgressEvent } from './progress.js';

/** What a line of progress says. */
export interface ProgressLine {
  readonly event: ProgressEvent;
  /** Time since the task's first event. */
  readonly seconds: number;
  /** Missing while it cannot be estimated. */
  readonly secondsLeft?: number;
  /** Whether this is the task's last line. */
  readonly last?: boolean;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** A duration in its two largest units, rounded up to a second: "42s", "3m20s", "5h07m", "2d04h". */
export const duration = (seconds: number): string => {
  const s = Math.max(1, Math.ceil(seconds));
  const [minutes, hours, days] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86_400)];
  if (days > 0) return `${days}d${two(hours % 24)}h`;
  if (hours > 0) return `${hours}h${two(minutes % 60)}m`;
  return minutes > 0 ? `${minutes}m${two(s % 60)}s` : `${s}s`;
};

/** The time left while the task runs, the time that it took when it has ended. */
const timeTexts = ({ event, seconds, secondsLeft, last }: ProgressLine): string[] => {
  if (event.done === event.total) return [`in ${duration(seconds)}`];
  if (last) return [`after ${duration(seconds)}`];
  return secondsLeft === undefined ? [] : [`${duration(secondsLeft)} left`, duration(secondsLeft)];
};

const [MEGA, GIGA] = [1e6, 1e9];

const countTexts = ({ done, total, unit }: ProgressEvent): string[] => {
  const [scale, name] = unit !== 'bytes' ? [1, unit] : (total ?? done) < GIGA ? [MEGA, 'MB'] : [GIGA, 'GB'];
  const text = (value: number): string => (scale === 1 ? String(value) : (value / scale).toFixed(1));
  const count = total === undefined ? text(done) : `${text(done)}/${text(total)}`;
  return [`${count} ${name}`, count];
};

const figureTexts = ({ figures = {} }: ProgressEvent): string[] =>
  Object.entries(figures).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`,
  );

const [SHORTEST_BAR, LONGEST_BAR] = [3, 24];

const shareOf = ({ done, total }: ProgressEvent): number | undefined =>
  total === undefined ? undefined : total === 0 ? 1 : Math.min(1, Math.max(0, done / total));

const barOf = (share: number, width: number): string => {
  const full = share === 1 ? width : Math.min(width - 1, Math.round(share * width));
  return '='.repeat(full) + '-'.repeat(width - full);
};

/** The share done, rounded down: 100 % is said at the end only. */
const percentOf = (share: number): string => `${Math.floor(100 * share)}%`;

/** Columns that a text takes, or a few more: characters beyond Latin count as wide. */
const widthOf = (text: string): number => text.length + (text.match(/[^ -\u02ff]/g)?.length ?? 0);

/** Without control characters, which would move the cursor. */
const printable = (text: string): string => text.replace(/\p{Cc}/gu, ' ');

const GAP = '  ';

/** The line. @param width columns at hand */
export const progressText = (line: ProgressLine, width: number): string => {
  const { event } = line;
  const share = shareOf(event);
  const bar = (columns: number): string[] =>
    share === undefined ? [] : [`${barOf(share, columns)} ${percentOf(share)}`, percentOf(share)];
  const [time, task, count] = [timeTexts(line), [event.task, event.task.split(' ')[0]!], countTexts(event)];
  // From left to right; each with its forms, the longest first.
  const places = [time, task, bar(SHORTEST_BAR), count, ...figureTexts(event).map((text) => [text])];
  // Places by importance: the time, the bar, the task, then the others as they stand.
  const [first, second, third, ...others] = places.keys();
  const chosen = new Map<number, string>();
  let room = width + GAP.length;
  for (const place of [first!, third!, second!, ...others]) {
    const form = places[place]!.map(printable).find((text) => widthOf(text) + GAP.length <= room);
    if (form === undefined) continue;
    chosen.set(place, form);
    room -= widthOf(form) + GAP.length;
  }
  if (share !== undefined && chosen.get(third!)?.includes(' ')) {
    chosen.set(third!, bar(Math.min(LONGEST_BAR, SHORTEST_BAR + room))[0]!);
  }
  return [...places.keys()].flatMap((place) => chosen.get(place) ?? []).join(GAP);
};
