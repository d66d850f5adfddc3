/** Which headers a route may set, and what may stand in them. Plain rules; `gateway/actions` carries them out. */
import { SkerryError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/** What becomes of the headers of one message. A name is in one of the three. */
export interface HeaderRules {
  /** In place of all of that name. In values `{client_ip}`, `{host}`, `{request_id}` and `{scheme}` are the request's. */
  readonly set?: Readonly<Record<string, string>>;
  /** Beside those that are there. */
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface HeaderActions {
  /** Of requests, to the upstream. */
  readonly request?: HeaderRules;
  /** Of answers, to the client. */
  readonly response?: HeaderRules;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The gateway writes these itself: another value would be a lie, or another message than was meant. */
const GATEWAY_OWNED: ReadonlySet<string> = new Set([
  ...["x-request-id", "forwarded", "x-real-ip", "cdn-loop", "client-cert", "client-cert-chain"],
  ...["x-skerry-explain", "x-skerry-route"],
]);
/** RFC 9110 7.6.1, RFC 9112 6: how one message is told from the next, and what holds for one connection. */
const FRAMING: ReadonlySet<string> = new Set([
  ...["connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy", "proxy-authenticate"],
  ...["proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"],
]);

/** @throws `invalid` when a route may not set, add or remove it. `field`: where it was said. */
export function assertHeaderName(name: string, field: string): void {
  // Programs behind a CGI-like interface take an underscore for a hyphen.
  const lower = name.toLowerCase().replaceAll("_", "-");
  const refuse = (why: string, hint?: string) =>
    new SkerryError("invalid", `A route cannot say the header ${JSON.stringify(name.slice(0, 80))}: ${why}.`, {
      hint: hint ?? "Leave it out.",
      details: { field },
    });
  if (!TOKEN.test(name) || name.length > LIMITS.actions.maxHeaderName) {
    throw refuse(
      `a name has 1 to ${LIMITS.actions.maxHeaderName} letters, digits and !#$%&'*+-.^_\`|~`,
      "Like X-Frame-Options.",
    );
  }
  if (FRAMING.has(lower)) throw refuse("it tells messages or connections apart, which is the gateway's to say");
  if (GATEWAY_OWNED.has(lower) || lower.startsWith("x-forwarded-")) {
    throw refuse("the gateway says it itself", "Take another name: programs behind must be able to believe this one.");
  }
}

/** What stands in a line of a head, without blanks at its ends. @throws `invalid`. */
export function assertHeaderValue(name: string, value: string, field: string): void {
  const { maxHeaderValue } = LIMITS.actions;
  if (value.length <= maxHeaderValue && /^[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?$|^$/.test(value)) return;
  throw new SkerryError("invalid", `The header ${name} cannot have that value.`, {
    hint: `It is one line of up to ${maxHeaderValue} visible ASCII characters, without blanks at its ends.`,
    details: { field },
  });
}

/** In one spelling: nothing that says nothing. Null when nothing is left. @throws `invalid`. */
export function canonicalHeaders(headers: HeaderActions): HeaderActions | null {
  const said = (["request", "response"] as const).flatMap((side) => {
    const rules = canonicalRules(headers[side] ?? {}, `headers.${side}`);
    return Object.keys(rules).length === 0 ? [] : [[side, rules] as const];
  });
  return said.length === 0 ? null : Object.fromEntries(said);
}

function canonicalRules({ set = {}, add = {}, remove = [] }: HeaderRules, field: string): HeaderRules {
  const names = [...Object.keys(set), ...Object.keys(add), ...remove];
  const { maxHeaderRules, maxHeaderRulesBytes } = LIMITS.actions;
  const refuse = (message: string, hint: string) => new SkerryError("invalid", message, { hint, details: { field } });
  if (names.length > maxHeaderRules) {
    throw refuse(`A route changes ${maxHeaderRules} headers at most, not ${names.length}.`, "Leave some out.");
  }
  for (const name of names) assertHeaderName(name, field);
  const lower = names.map((name) => name.toLowerCase());
  const twice = lower.find((name, at) => lower.indexOf(name) !== at);
  if (twice !== undefined) throw refuse(`What becomes of the header ${twice} is said twice.`, "Say it once.");
  for (const [name, value] of [...Object.entries(set), ...Object.entries(add)]) assertHeaderValue(name, value, field);
  const bytes = [...Object.entries(set), ...Object.entries(add)].join("").length;
  if (bytes > maxHeaderRulesBytes) {
    throw refuse(`The headers have ${bytes} characters together, and ${maxHeaderRulesBytes} is the most.`, "Say less.");
  }
  return {
    ...(Object.keys(set).length === 0 ? {} : { set }),
    ...(Object.keys(add).length === 0 ? {} : { add }),
    ...(remove.length === 0 ? {} : { remove }),
  };
}

/** @throws `invalid`. */
export function canonicalHostHeader(text: string): string {
  const host = text.toLowerCase();
  if (host === "{host}") return host;
  const isPlain = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/.test(host) && host.length <= 255;
  if (isPlain && URL.canParse(`http://${host}/`)) return host;
  throw new SkerryError("invalid", `${JSON.stringify(text.slice(0, 80))} is nothing that Host can be.`, {
    hint: "Like app.internal or app.internal:8080; {host} for what the client said.",
    details: { field: "hostHeader" },
  });
}
