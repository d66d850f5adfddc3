/** What a route does with requests, and how its canary is, in words: a part for each. */
import { ENCODINGS } from "../../domain/compress-rules.ts";
import type { RouteView } from "../api/route.ts";

type Spec = RouteView["spec"];

/** `http://10.0.0.7`, `95 % stable, 5 % next`, `308 https://example.com/`, `answer 503`. */
export function formatDestination({
  to,
  split,
  redirect,
  respond,
}: Pick<Spec, "to" | "split" | "redirect" | "respond">): string {
  if (split !== undefined) return formatShares(split);
  if (redirect !== undefined) return `${redirect.status ?? 302} ${redirect.to}`;
  return respond === undefined ? (to ?? "-") : `answer ${respond.status}`;
}

function formatShares({ variants }: NonNullable<Spec["split"]>): string {
  const sum = variants.reduce((all, { weight = 1 }) => all + weight, 0);
  return variants.map(({ name, weight = 1 }) => `${Number(((100 * weight) / sum).toFixed(1))} % ${name}`).join(", ");
}

/** All but where it leads. */
export function formatActions({ redirectHttps, rewrite, headers, hostHeader, cors, compress, cache }: Spec): string[] {
  return [
    ...(redirectHttps === true ? ["redirects to HTTPS"] : []),
    ...(rewrite ? [formatRewrite(rewrite)] : []),
    ...(hostHeader === undefined ? [] : [`sends Host: ${hostHeader}`]),
    ...(cors === undefined
      ? []
      : [`CORS for ${cors.origins.join(" ")}${cors.credentials ? ", with credentials" : ""}`]),
    ...(compress === undefined ? [] : [`compresses with ${(compress.algorithms ?? ENCODINGS).join(", ")}`]),
    ...(cache === undefined ? [] : [formatCache(cache)]),
    ...formatRules("request", headers?.request),
    ...formatRules("answer", headers?.response),
  ];
}

function formatCache({ ttl = 30, override, staleWhileRevalidate, staleIfError }: NonNullable<Spec["cache"]>): string {
  const stale = [
    ...(staleWhileRevalidate ? [`${staleWhileRevalidate} s more while they are asked for anew`] : []),
    ...(staleIfError ? [`${staleIfError} s more when the upstream fails`] : []),
  ];
  return [`keeps answers for ${ttl} s${override ? "" : " unless they say"}`, ...stale].join(", ");
}

/** As the flags have it: `answer -Server`. */
function formatRules(of: string, rules: NonNullable<Spec["headers"]>["request"]): string[] {
  const { set = {}, add = {}, remove = [] } = rules ?? {};
  return [
    ...Object.entries(set).map(([name, value]) => `${of} ${name}: ${value}`),
    ...Object.entries(add).map(([name, value]) => `${of} +${name}: ${value}`),
    ...remove.map((name) => `${of} -${name}`),
  ];
}

function formatRewrite({ path, prefix, regex, with: template }: NonNullable<Spec["rewrite"]>): string {
  if (path !== undefined) return `asks for ${path}`;
  return prefix === undefined ? `rewrites ${regex} to ${template}` : `puts ${prefix} in place of the route's path`;
}

type Canary = NonNullable<RouteView["spec"]["canary"]>;
type Status = NonNullable<NonNullable<RouteView["status"]>["canary"]>;
type Seen = NonNullable<Status["watch"]>["canary"];

/** A sentence for each: where it is and why, what it is to do, and what is seen of it. */
export function canaryLines(canary: Canary, { phase, percent, since, why, watch }: Status): string[] {
  const { variant, steps = [], every, maxErrorPercent, maxP95Ms, minRequests } = canary;
  const times = maxP95Ms === undefined ? "" : `, 95 % of them take ${maxP95Ms} ms`;
  return [
    `${variant} has ${percent} %: ${phase} since ${since}: ${why}`,
    `steps ${steps.map((step) => `${step} %`).join(", ")}, each ${every} at least; ${maxErrorPercent} % may fail${times}; judged by ${minRequests} requests`,
    ...(watch === undefined
      ? []
      : [`now: ${watch.found}`, `${shown(watch.canary)} of ${variant}, ${shown(watch.others)} of the others`]),
  ];
}

function shown({ requests, failed }: Seen): string {
  return `${requests} requests (${failed} failed)`;
}
