/** How the routes of lists of networks are asked for the matrix. */
import type { Subject } from "./matrix-cast.ts";
import { freshIpList } from "./matrix-fresh.ts";

interface Item {
  readonly meta: { readonly name: string; readonly project: string };
}

const one = ({ ipList, project }: Subject) => ({ params: { name: ipList }, query: { project } });

export const IP_LIST_RECIPES = {
  "iplist.create": {
    ghost: ["project"],
    input: ({ project }: Subject, made: string) => ({
      body: { name: made, project, spec: { entries: "192.0.2.0/24" } },
    }),
  },
  "iplist.list": {
    ghost: [],
    input: () => ({}),
    shows: ({ meta }: Item, { ipList, projectUid }: Subject) => meta.name === ipList && meta.project === projectUid,
  },
  "iplist.get": { ghost: ["ipList"], input: one },
  "iplist.update": {
    ghost: ["ipList"],
    input: (subject: Subject) => ({ ...one(subject), body: { labels: { touched: "by-the-matrix" } } }),
    fresh: freshIpList,
  },
  "iplist.delete": { ghost: ["ipList"], input: one, fresh: freshIpList },
} as const;
