/** How each route of the permission matrix is sent: one recipe for each. */
import { formatPath, type Route } from "@skerry/core/contract/route.ts";
import { ROUTES } from "@skerry/core/contract/routes.ts";
import { type Cast, IMAGE, personOf, type Row, type Subject } from "./matrix-cast.ts";
import {
  type Fresh,
  freshBinding,
  freshBucket,
  freshCertificate,
  freshContainer,
  freshImage,
  freshMember,
  freshNetwork,
  freshObject,
  freshRoute,
  freshSession,
  freshToken,
  freshUpstream,
  freshUser,
  freshVolume,
  type Stage,
} from "./matrix-fresh.ts";
import { GATEWAY_RECIPES } from "./matrix-gateway.ts";
import { IP_LIST_RECIPES } from "./matrix-iplist.ts";
import type { WireRequest } from "./matrix-wire.ts";

/** The names that stand for a thing in a request. */
type Name =
  | "user"
  | "project"
  | "projectUid"
  | "token"
  | "session"
  | "route"
  | "bucket"
  | "container"
  | "image"
  | "network"
  | "volume"
  | "certificate"
  | "upstream"
  | "ipList";

interface Input {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: unknown;
  readonly bytes?: string;
}

interface Item {
  readonly meta: { readonly uid: string; readonly name: string; readonly project: string };
}

export interface Recipe {
  /** Id in the contract, where the matrix asks the same route in two ways. */
  readonly route?: string;
  /** `made`: a name for what is created. */
  input(subject: Subject, made: string, row: Row): Input;
  /** Only for rows that are to be carried out. Absent: nothing is changed, or what is left can be used again. */
  fresh?(stage: Stage): Promise<Fresh>;
  /** Lists: whether this item is the subject. */
  shows?(item: Item, subject: Subject): boolean;
  /** A status besides the route's own that says: you may, but not now. */
  readonly lawful?: number;
  /** What is replaced to ask for something that never existed. Empty where the row is about no thing. */
  readonly ghost: readonly Name[];
}

const ask = (input: Recipe["input"] = () => ({})): Recipe => ({ ghost: [], input });
const list = (shows: NonNullable<Recipe["shows"]>): Recipe => ({ ghost: [], input: () => ({}), shows });
const byBucket = ({ bucket }: Subject) => ({ params: { name: bucket } });
const byRoute = ({ route, project }: Subject) => ({ params: { name: route }, query: { project } });
const byContainer = ({ container, project }: Subject) => ({ params: { name: container }, query: { project } });
const byNetwork = ({ network, project }: Subject) => ({ params: { name: network }, query: { project } });
const byVolume = ({ volume, project }: Subject) => ({ params: { name: volume }, query: { project } });
const byCertificate = ({ certificate, project }: Subject) => ({ params: { name: certificate }, query: { project } });
const byUpstream = ({ upstream, project }: Subject) => ({ params: { name: upstream }, query: { project } });
const byObject = ({ bucket, key }: Subject) => ({ params: { bucket, key } });
const LABELS = { touched: "by-the-matrix" };
const [TOUCH, THERE, ABORT] = [{ labels: LABELS }, { to: "http://a.test" }, { action: "abort" }];

/** Route of the matrix -> recipe. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  whoami: ask(),
  openapi: ask(),
  "health.live": ask(),
  "health.ready": ask(),
  "audit.list": ask(),
  "audit.watch": { ...ask(() => ({ query: { watch: "1" } })), route: "audit.list" },
  "storage.status": ask(),
  "node.status": ask(),
  "node.metrics": ask(),
  "job.list": ask(),
  "job.watch": { ...ask(() => ({ query: { watch: "1" } })), route: "job.list" },
  // One at a time.
  "backup.create": { ...ask(), lawful: 503 },

  "session.create": ask(({ user, password }) => ({ body: { name: user, password } })),
  "session.list": list(({ meta }, { session }) => meta.uid === session),
  "session.delete": { ghost: ["session"], input: ({ session }) => ({ params: { uid: session } }), fresh: freshSession },

  "user.create": ask((_, made) => ({ body: { name: made } })),
  "user.list": list(({ meta }, { user }) => meta.name === user),
  "user.get": { ghost: ["user"], input: ({ user }) => ({ params: { name: user } }) },
  "user.update": {
    ghost: ["user"],
    input: ({ user }) => ({ params: { name: user }, body: { labels: LABELS } }),
    fresh: freshUser,
  },
  "user.delete": { ghost: ["user"], input: ({ user }) => ({ params: { name: user } }), fresh: freshUser },
  "user.password": {
    ghost: ["user"],
    input: ({ user, password }) => ({
      params: { name: user },
      body: { password: `new ${password}`, current: password },
    }),
    fresh: freshUser,
  },

  "token.create": ask((_, made) => ({ body: { name: made } })),
  "token.list": list(({ meta }, { token }) => meta.name === token),
  "token.get": { ghost: ["token"], input: ({ token }) => ({ params: { name: token } }) },
  "token.delete": { ghost: ["token"], input: ({ token }) => ({ params: { name: token } }), fresh: freshToken },

  "project.create": ask((_, made) => ({ body: { name: made } })),
  "project.list": list(({ meta }, { project }) => meta.name === project),
  "project.get": { ghost: ["project"], input: ({ project }) => ({ params: { name: project } }) },
  // A user's own project goes with the user only, so it stays.
  "project.delete": { ghost: ["project"], input: ({ project }) => ({ params: { name: project } }), lawful: 409 },

  "binding.create": {
    ghost: ["project"],
    input: ({ project, binding }) => ({ body: { project, user: binding, role: "member" } }),
    fresh: freshMember,
  },
  "binding.list": list(({ meta }, s) => meta.project === s.projectUid && meta.name === s.binding),
  "binding.delete": {
    ghost: ["project"],
    input: ({ project, binding }) => ({ params: { name: binding }, query: { project } }),
    fresh: freshBinding,
  },

  "authority.get": ask(),
  "route.create": {
    ghost: ["project"],
    input: ({ project }, made, { target }) => ({
      body: {
        spec: { host: `${made}.example.com`, to: "http://192.0.2.1" },
        ...(target === "self" ? {} : { project }),
      },
    }),
  },
  "route.list": list(({ meta }, { route }) => meta.name === route),
  "route.get": { ghost: ["route", "project"], input: byRoute },
  "route.ticket": { ghost: ["project"], input: ({ project }) => ({ body: { project } }) },
  "route.explain": {
    ghost: ["route"],
    input: ({ route }) => ({ body: { method: "GET", url: `http://${route}.example.com/` } }),
  },
  "route.update": { ghost: ["route", "project"], input: (s) => ({ ...byRoute(s), body: TOUCH }), fresh: freshRoute },
  "route.purge": { ghost: ["route", "project"], input: (s) => ({ ...byRoute(s), body: {} }) },
  "route.canary": { ghost: ["route", "project"], input: (s) => ({ ...byRoute(s), body: ABORT }), lawful: 400 },
  "route.switch": { ghost: ["route", "project"], input: (s) => ({ ...byRoute(s), body: THERE }), fresh: freshRoute },
  "route.delete": { ghost: ["route", "project"], input: byRoute, fresh: freshRoute },
  ...IP_LIST_RECIPES,
  ...GATEWAY_RECIPES,
  "certificate.create": {
    ghost: ["project"],
    // It is none: who may bring one is told so.
    input: ({ project }, made) => ({ body: { name: made, project, spec: { certificate: "none", key: "none" } } }),
    lawful: 400,
  },
  "certificate.list": list(
    ({ meta }, { certificate, projectUid }) => meta.name === certificate && meta.project === projectUid,
  ),
  "certificate.get": { ghost: ["certificate"], input: byCertificate },
  "certificate.update": {
    ghost: ["certificate"],
    input: (s) => ({ ...byCertificate(s), body: { labels: LABELS } }),
    fresh: freshCertificate,
  },
  "certificate.delete": { ghost: ["certificate"], input: byCertificate, fresh: freshCertificate },

  "upstream.create": {
    ghost: ["project"],
    input: ({ project }, made) => ({
      body: { name: made, project, spec: { backends: [{ name: "a", to: "http://192.0.2.1" }] } },
    }),
  },
  "upstream.list": list(({ meta }, { upstream, projectUid }) => meta.name === upstream && meta.project === projectUid),
  "upstream.get": { ghost: ["upstream"], input: byUpstream },
  "upstream.update": {
    ghost: ["upstream"],
    input: (s) => ({ ...byUpstream(s), body: { labels: LABELS } }),
    fresh: freshUpstream,
  },
  "upstream.delete": { ghost: ["upstream"], input: byUpstream, fresh: freshUpstream },

  "bucket.create": {
    ghost: ["project"],
    // The own project is what is meant when none is named.
    input: ({ project }, made, { target }) => ({ body: { name: made, ...(target === "self" ? {} : { project }) } }),
  },
  "bucket.list": list(({ meta }, { bucket }) => meta.name === bucket),
  "bucket.watch": {
    ...list(({ meta }, { bucket }) => meta.name === bucket),
    route: "bucket.list",
    input: () => ({ query: { watch: "1", from: "1" } }),
  },
  "bucket.get": { ghost: ["bucket"], input: byBucket },
  "bucket.update": {
    ghost: ["bucket"],
    input: (s) => ({ ...byBucket(s), body: { labels: LABELS } }),
    fresh: freshBucket,
  },
  "bucket.delete": { ghost: ["bucket"], input: byBucket, fresh: freshBucket },

  "container.create": {
    ghost: ["project"],
    input: ({ project }, made) => ({ body: { name: made, project, spec: { image: IMAGE } } }),
  },
  "container.list": list(
    ({ meta }, { container, projectUid }) => meta.name === container && meta.project === projectUid,
  ),
  "container.watch": {
    ...list(({ meta }, { container, projectUid }) => meta.name === container && meta.project === projectUid),
    route: "container.list",
    input: () => ({ query: { watch: "1", from: "1" } }),
  },
  "container.get": { ghost: ["container"], input: byContainer },
  "container.update": {
    ghost: ["container"],
    input: (s) => ({ ...byContainer(s), body: { labels: LABELS } }),
    fresh: freshContainer,
  },
  "container.delete": { ghost: ["container"], input: byContainer, fresh: freshContainer },
  "container.logs": { ghost: ["container"], input: byContainer },
  // It is no WebSocket: who may is told so.
  "container.exec": {
    ghost: ["container"],
    input: (s) => ({ params: { name: s.container }, query: { project: s.project, command: '["true"]' } }),
    lawful: 400,
  },
  "container.files.read": {
    ghost: ["container"],
    input: (s) => ({ params: { name: s.container }, query: { project: s.project, path: "/" } }),
  },
  "container.files.write": {
    ghost: ["container"],
    input: (s) => ({ params: { name: s.container }, query: { project: s.project, path: "/" }, bytes: "no tar" }),
    lawful: 400,
  },
  "container.stats": { ghost: ["container"], input: byContainer },

  "network.create": { ghost: ["project"], input: ({ project }, made) => ({ body: { name: made, project } }) },
  "network.list": list(({ meta }, { network, projectUid }) => meta.name === network && meta.project === projectUid),
  "network.get": { ghost: ["network"], input: byNetwork },
  "network.delete": { ghost: ["network"], input: byNetwork, fresh: freshNetwork },

  "volume.create": { ghost: ["project"], input: ({ project }, made) => ({ body: { name: made, project } }) },
  "volume.list": list(({ meta }, { volume, projectUid }) => meta.name === volume && meta.project === projectUid),
  "volume.get": { ghost: ["volume"], input: byVolume },
  "volume.delete": { ghost: ["volume"], input: byVolume, fresh: freshVolume },

  "image.list": { ghost: ["project"], input: ({ project }) => ({ query: { project } }) },
  // It is no image: who may load one is told so.
  "image.load": {
    ghost: ["project"],
    input: ({ project }) => ({ query: { project }, bytes: "no image" }),
    lawful: 400,
  },
  "image.delete": {
    ghost: ["project"],
    input: ({ project, image }) => ({ params: { name: image }, query: { project } }),
    fresh: freshImage,
  },

  "object.get": { ghost: ["bucket"], input: byObject },
  "object.head": { ghost: ["bucket"], input: byObject },
  "object.list": { ghost: ["bucket"], input: ({ bucket }) => ({ params: { bucket } }) },
  "object.watch": {
    ghost: ["bucket"],
    route: "object.list",
    input: ({ bucket }) => ({ params: { bucket }, query: { watch: "1" } }),
  },
  "object.put": {
    ghost: ["bucket"],
    input: (s) => ({ ...byObject(s), bytes: "what the matrix has stored" }),
    fresh: async ({ made }) => ({ key: made }),
  },
  "object.delete": { ghost: ["bucket"], input: byObject, fresh: freshObject },
};

/** A row as it is sent. */
export interface Sending {
  readonly route: Route;
  readonly recipe: Recipe;
  readonly subject: Subject;
  readonly request: WireRequest;
}

/** `n`: a number that no other row has. Makes what the row changes. */
export async function prepareRow(cast: Cast, row: Row, n: number): Promise<Sending> {
  const recipe = recipeOf(row);
  const made = `${row.expect === "allow" ? "made" : "denied"}-${n}`;
  const named = subjectOf(cast, row);
  const fresh = row.expect === "allow" ? await recipe.fresh?.({ cast, row, subject: named, made }) : undefined;
  const { bearer = bearerOf(cast, row), ...changed } = fresh ?? {};
  const subject = { ...named, ...changed };
  const route = routeOf(row);
  return { route, recipe, subject, request: wireRequest(route, recipe.input(subject, made, row), bearer) };
}

/** The row, and the same request for what never existed; `restore` puts the row's names into the answer to that. */
export interface Pair {
  readonly real: WireRequest;
  readonly ghost: WireRequest;
  restore(text: string): string;
}

/** Names of the same length, so that answers of the same shape are of the same length too. */
export function pairRow(cast: Cast, row: Row): Pair {
  const { ghost: names, input } = recipeOf(row);
  const subject = subjectOf(cast, row);
  const request = (of: Subject) => wireRequest(routeOf(row), input(of, "denied-twice", row), bearerOf(cast, row));
  return pair(subject, names, request);
}

/** A list of one project. `name`: how the project is named. */
export function pairProject(
  cast: Cast,
  row: Row,
  listId: string,
  name: "project" | "projectUid",
  watch: boolean,
): Pair {
  const route = routeOf({ ...row, route: listId });
  const request = (of: Subject) => {
    const query = { project: of[name], ...(watch ? { watch: "1" } : {}) };
    return wireRequest(route, { query }, bearerOf(cast, row));
  };
  return pair(subjectOf(cast, row), [name], request);
}

function pair(subject: Subject, names: readonly Name[], request: (of: Subject) => WireRequest): Pair {
  const ghost = ghostOf(subject, names);
  const restore = (text: string) => names.reduce((all, name) => all.replaceAll(ghost[name], subject[name]), text);
  return { real: request(subject), ghost: request(ghost), restore };
}

/** Good as a name and as a uid, and nobody's. */
function ghostOf(subject: Subject, names: readonly Name[]): Subject {
  return { ...subject, ...Object.fromEntries(names.map((name) => [name, "z".repeat(subject[name].length)])) };
}

function recipeOf({ route }: Row): Recipe {
  const recipe = RECIPES[route];
  if (recipe === undefined) throw new Error(`there is no recipe for ${route}`);
  return recipe;
}

function routeOf(row: Row): Route {
  const id = RECIPES[row.route]?.route ?? row.route;
  const route = ROUTES.find((one) => one.id === id);
  if (route === undefined) throw new Error(`the contract has no ${id}`);
  return route;
}

function bearerOf(cast: Cast, { principal }: Row): string | undefined {
  if (!cast.bearers.has(principal)) throw new Error(`nobody in the cast is ${principal}`);
  return cast.bearers.get(principal);
}

function subjectOf({ people, buckets }: Cast, { principal, target }: Row): Subject {
  const bucket = buckets.get(target);
  if (bucket !== undefined) return bucket;
  if (target !== "self" && target !== "cloud") return personOf(people, target);
  const person = personOf(people, principal);
  // Nobody has no self.
  const none = principal === "anonymous" && target === "self";
  return none ? ghostOf(person, ["user", "project", "token", "session"]) : person;
}

function wireRequest(route: Route, input: Input, bearer: string | undefined): WireRequest {
  const { params = {}, query = {}, body, bytes } = input;
  const search = new URLSearchParams(query).toString();
  const content = body === undefined ? bytes : JSON.stringify(body);
  return {
    method: route.method,
    path: formatPath(route.path, params) + (search === "" ? "" : `?${search}`),
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(content === undefined ? {} : { "content-length": String(Buffer.byteLength(content)) }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(content === undefined ? {} : { body: content }),
  };
}
