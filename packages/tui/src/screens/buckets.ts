import { type BucketView, bucketRoutes } from "@skerry/core/contract/api/bucket.ts";
import { bucketPresentation } from "@skerry/core/contract/present/bucket.ts";
import { objectsScreen } from "./objects.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const bucketsScreen = defineScreen<BucketView>({
  id: "bucket",
  title: "Buckets",
  presentation: bucketPresentation,
  source: { kind: "watch", call: callOf(bucketRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ spec }) => (spec.visibility === "public" ? "warn" : "plain"),
  enter: ({ meta }) => ({ kind: "open", screen: objectsScreen(meta.name) }),
  enterDoes: "objects",
  followsTotals: true,
  empty: "No buckets yet. n makes one.",
  keys: [
    {
      key: "n",
      does: "new",
      intent: () => ({
        kind: "prompt",
        title: "New bucket",
        hint: "A name in the whole cloud: a-z, 0-9 and - between them.",
        fields: [{ label: "Name" }],
        call: (name = "") => callOf(bucketRoutes.create, { body: { name } }),
        done: (name) => `bucket ${name} created`,
      }),
    },
    removeKey(
      "bucket",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(bucketRoutes.delete, { params: { name: meta.name } }),
      "Only an empty bucket can be deleted. This cannot be undone.",
    ),
  ],
});
