import type { Presentation } from "./presentation.ts";

/** What `skerry doctor` found: of this machine, or of the cloud. */
export interface Finding {
  readonly check: string;
  /** warning: less than it could be; fault: something does not work. */
  readonly state: "ok" | "warning" | "fault";
  readonly what: string;
  /** What to do about it; with each warning and fault. */
  readonly todo?: string;
}

export const findingPresentation: Presentation<Finding> = {
  kind: "finding",
  nameOf: ({ check }) => check,
  columns: [
    { title: "STATE", cell: ({ state }) => state },
    { title: "CHECK", cell: ({ check }) => check },
    { title: "FOUND", cell: ({ what }) => what },
    { title: "TO DO", cell: ({ todo }) => todo ?? "-" },
  ],
};
