import { type IpListView, ipListRoutes } from "@skerry/core/contract/api/iplist.ts";
import { ipListPresentation } from "@skerry/core/contract/present/iplist.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const ipListsScreen = defineScreen<IpListView>({
  id: "iplist",
  title: "IP lists",
  presentation: ipListPresentation,
  source: { kind: "watch", call: callOf(ipListRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: () => "plain",
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No lists of networks: routes may allow or block them. skerry iplist create makes one.",
  keys: [
    removeKey(
      "iplist",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(ipListRoutes.delete, { params: { name: meta.name }, query: { project: meta.project } }),
      "Its networks are in no other place.",
    ),
  ],
});
