import { SkerryError } from "@skerry/core/contract/errors.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `10m` before now, or a time: as ISO 8601. @throws `invalid` */
export function parseSince(text: string, nowMs: number): string {
  const [, count, unit = ""] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return new Date(nowMs - Number(count) * (UNITS[unit] ?? 0) * 1000).toISOString();
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return new Date(ms).toISOString();
  throw new SkerryError("invalid", `--since: ${JSON.stringify(text)} is neither a time nor a span.`, {
    hint: "Write 30s, 10m, 2h, 1d, or 2026-11-21T16:00:00Z.",
  });
}
