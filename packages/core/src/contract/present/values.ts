/** Numbers and times as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `0 B`, `999 B`, `1.5 KiB`, `300 MiB`: three digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.5 would round to 1024 of the smaller unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const text = unit === 0 || value >= 99.5 ? `${Math.round(value)}` : value.toFixed(value >= 9.95 ? 1 : 2);
  return `${text.includes(".") ? text.replace(/\.?0+$/, "") : text} ${UNITS[unit]}`;
}

const STEPS = [
  ["y", 365 * 24 * 3600],
  ["d", 24 * 3600],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
] as const;

/** `4 s`, `12 min`, `3 h 5 min`, `2 d 1 h`: the two largest units. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, length] of STEPS) {
    if (rest < length && !(unit === "s" && parts.length === 0)) {
      if (parts.length > 0) break;
      continue;
    }
    parts.push(`${Math.floor(rest / length)} ${unit}`);
    rest %= length;
    if (parts.length === 2 || rest === 0) break;
  }
  return parts.join(" ");
}

/** Of a sentence in a row: more stands where the thing is shown alone. */
const MAX_BRIEF_LENGTH = 60;

/** The first sentence, and no more of it than a row has room for. */
export function formatBrief(text: string): string {
  const [first = ""] = text.split(/(?<=[.:]) (?=[A-Z])|\n/);
  const sentence = first.replace(/[.:]$/, "");
  return sentence.length <= MAX_BRIEF_LENGTH ? sentence : `${sentence.slice(0, MAX_BRIEF_LENGTH - 1).trimEnd()}…`;
}

/** How long ago, in one unit: `5 min`; `-` for a time that is not there. */
export function formatAge(iso: string | undefined, nowMs: number): string {
  const then = iso === undefined ? Number.NaN : Date.parse(iso);
  if (Number.isNaN(then)) return "-";
  return firstUnit((nowMs - then) / 1000);
}

/** Until then: `in 5 min`, `expired`, `never` for a time that is not there. */
export function formatExpiry(iso: string | undefined, nowMs: number): string {
  if (iso === undefined) return "never";
  const left = (Date.parse(iso) - nowMs) / 1000;
  return left <= 0 ? "expired" : `in ${nearestUnit(left)}`;
}

/** `30 d` also a moment before: what lies ahead is named as it was asked for. */
function nearestUnit(seconds: number): string {
  const [unit, length] = STEPS.find(([, step]) => seconds >= step - nextStep(step) / 2) ?? ["s", 1];
  return `${Math.max(1, Math.round(seconds / length))} ${unit}`;
}

/** The step below, which decides what rounds up to one of this. */
function nextStep(step: number): number {
  return STEPS.find(([, smaller]) => smaller < step)?.[1] ?? 1;
}

function firstUnit(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  const [unit, length] = STEPS.find(([, step]) => rounded >= step) ?? STEPS[STEPS.length - 1] ?? ["s", 1];
  return `${Math.floor(rounded / length)} ${unit}`;
}

/** `2026-08-02 10:15:30Z`, to the second, UTC. */
export function formatTime(iso: string | undefined): string {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z$/.exec(iso ?? "");
  return match === null ? (iso ?? "-") : `${match[1]} ${match[2]}Z`;
}

/** As one would type it in a shell; `-` for none. */
export function formatCommand(words: readonly string[]): string {
  const typed = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  return words.length === 0 ? "-" : typed.join(" ");
}

function labelLines(labels: Readonly<Record<string, string>>): string[] {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`);
}

/** `a=b,c=d`, in the order of the keys; `-` for none. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const parts = labelLines(labels);
  return parts.length === 0 ? "-" : parts.join(",");
}
