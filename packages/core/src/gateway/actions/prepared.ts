/** What the actions of a route are carried out with: made once for each route, when its first request comes. */
import { createHash } from "node:crypto";
import type { Cache } from "../../domain/cache-rules.ts";
import { SkerryError } from "../../domain/errors.ts";
import type { RouteActions } from "../../domain/route-actions.ts";
import type { RequestHead } from "../http1/request-head.ts";
import type { ResponseHead } from "../http1/response-head.ts";
import type { TableEntry } from "../table.ts";
import { CompressRule } from "./compress.ts";
import { CorsPolicy } from "./cors.ts";
import { HeaderEdit, type HeaderValues } from "./header-edit.ts";
import { createRewriter, type Rewriter } from "./rewrite.ts";

export interface Prepared {
  readonly rewrite?: Rewriter;
  readonly request?: HeaderEdit;
  readonly response?: HeaderEdit;
  readonly cors?: CorsPolicy;
  readonly compress?: CompressRule;
  /** With what stands for all that the route says now. */
  readonly cache?: { readonly rule: Cache; readonly version: string };
}

const prepared = new WeakMap<RouteActions, Prepared>();

/** `actions` are those of the entry. @throws `invalid` when a pattern cannot be used. */
export function prepare(entry: TableEntry, actions: RouteActions): Prepared {
  let ready = prepared.get(actions);
  if (ready === undefined) {
    const { rewrite, cors, compress, cache, headers: { request, response } = {} } = actions;
    ready = {
      ...(rewrite === undefined ? {} : { rewrite: createRewriter(rewrite, entry.path) }),
      ...(compress === undefined ? {} : { compress: new CompressRule(compress) }),
      ...(cache === undefined ? {} : { cache: { rule: cache, version: versionOf(entry) } }),
      ...(cors === undefined ? {} : { cors: new CorsPolicy(cors) }),
      ...(request === undefined ? {} : { request: new HeaderEdit(request) }),
      ...(response === undefined ? {} : { response: new HeaderEdit(response) }),
    };
    prepared.set(actions, ready);
  }
  return ready;
}

/** Another when the route leads elsewhere, or does something else. */
function versionOf(entry: TableEntry): string {
  return createHash("sha256").update(JSON.stringify(entry)).digest("base64url").slice(0, 22);
}

/** The request as the upstream is to get it; an error is the answer instead. */
export function requestOf(
  { rewrite, request }: Prepared,
  head: RequestHead,
  values: () => HeaderValues,
): RequestHead | SkerryError {
  const target = rewrite === undefined ? head.target : rewrite(head.target);
  if (target instanceof SkerryError) return target;
  if (target === head.target && request === undefined) return head;
  const lines = request === undefined ? head.lines : request.apply(head.lines, values());
  return { ...head, target, lines };
}

/** The answer as the client is to get it. */
export function answerOf(
  { response, cors }: Prepared,
  head: ResponseHead,
  asked: RequestHead,
  values: () => HeaderValues,
): ResponseHead {
  if (response === undefined && cors === undefined) return head;
  const hasDate = response === undefined ? head.hasDate : saysDate(response, head);
  const lines = response === undefined ? head.lines : response.apply(head.lines, values());
  return { ...head, hasDate, lines: cors === undefined ? lines : cors.answered(lines, asked) };
}

function saysDate(response: HeaderEdit, { hasDate }: ResponseHead): boolean {
  return response.says("date") || (hasDate && !response.gone.has("date"));
}
