import type { z } from "zod";
import type { sessionSchema } from "../schema/session.ts";
import { createdColumn } from "./columns.ts";
import type { Presentation } from "./presentation.ts";
import { formatExpiry } from "./values.ts";

/** A session is named by its uid: that is what ends it. */
export const sessionPresentation: Presentation<z.infer<typeof sessionSchema>> = {
  kind: "session",
  nameOf: ({ meta }) => meta.uid,
  columns: [
    { title: "UID", cell: ({ meta }) => meta.uid, whole: true },
    { title: "CURRENT", cell: ({ current }) => (current ? "yes" : "") },
    {
      title: "EXPIRES",
      cell: ({ spec }, nowMs) => formatExpiry(spec.expiresAt, nowMs),
      order: ({ spec }) => spec.expiresAt,
    },
    createdColumn,
  ],
};
