/** Columns that many resources share. */
import type { Column } from "./presentation.ts";
import { formatAge, formatLabels } from "./values.ts";

interface WithMeta {
  readonly meta: {
    readonly name: string;
    readonly project: string;
    readonly projectName?: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
    readonly createdAt: string;
  };
}

/** How long ago; sorted so: the youngest first, what has not been last. */
export function ageColumn<T>(title: string, timeOf: (item: T) => string | undefined): Column<T> {
  return {
    title,
    cell: (item, nowMs) => formatAge(timeOf(item), nowMs),
    align: "right",
    order: (item) => {
      const ms = Date.parse(timeOf(item) ?? "");
      return Number.isNaN(ms) ? Number.POSITIVE_INFINITY : -ms;
    },
  };
}

export const createdColumn = ageColumn<WithMeta>("AGE", ({ meta }) => meta.createdAt);
export const labelsColumn: Column<WithMeta> = { title: "LABELS", cell: ({ meta }) => formatLabels(meta.labels) };
export const nameColumn: Column<WithMeta> = { title: "NAME", cell: ({ meta }) => meta.name, whole: true, enough: 40 };
export const projectColumn: Column<WithMeta> = {
  title: "PROJECT",
  cell: ({ meta }) => meta.projectName ?? meta.project,
  apart: true,
};
