import type { GenerationView } from "../api/gateway.ts";
import type { Presentation } from "./presentation.ts";
import { formatAge } from "./values.ts";

const SHOWN = 4;

export const generationPresentation: Presentation<GenerationView> = {
  kind: "generation",
  nameOf: ({ generation }) => String(generation),
  leaveOut: ["BY", "AGE"],
  columns: [
    {
      title: "GENERATION",
      align: "right",
      cell: ({ generation }) => String(generation),
      order: (one) => one.generation,
    },
    { title: "AGE", cell: ({ time }, nowMs) => formatAge(time, nowMs), order: ({ time }) => time },
    { title: "WHO", cell: ({ author }) => author.name },
    { title: "BY", cell: ({ action, backTo }) => (backTo === undefined ? action : `${action} to ${backTo}`) },
    { title: "CHANGED", enough: 30, cell: ({ changes }) => changedText(changes) },
  ],
};

const SIGNS = { created: "+", updated: "", deleted: "-" } as const;

/** `route/web, +iplist/office`. */
function changedText(changes: GenerationView["changes"]): string {
  const names = changes.slice(0, SHOWN).map(({ kind, name, result }) => `${SIGNS[result]}${kind}/${name}`);
  const more = changes.length - names.length;
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
