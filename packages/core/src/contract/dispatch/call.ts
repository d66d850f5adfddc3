import { SkerryError } from "../../domain/errors.ts";
import type { Authorizer, Decide, Decision, Permission, Principal, Target } from "../../domain/identity.ts";
import type { ServedRoute } from "../route.ts";
import type { ApiRequest, RequestFacts } from "./exchange.ts";

/** Decides with the principal of the moment; kept, so that a long stream can be decided again. */
type Check = (principal: Principal) => Decision;

export function parsePermission(text: string): Permission {
  const [path = "", action = ""] = text.split(":");
  const [root = "", resource = ""] = path.split(".");
  return { root, resource, action } as Permission;
}

/** Kinds whose names say nothing without the project; what is asked for is looked for in one's own. */
const IN_PROJECT: ReadonlySet<string> = new Set(["container", "volume", "network", "route"]);

/**
 * One request while it is handled. A handler of a route with a permission must ask for it (`authorize`, `projects` or
 * `decide`) before it answers; the dispatcher refuses the answer else.
 */
export class Call {
  readonly request: ApiRequest;
  readonly route: ServedRoute;
  readonly facts: RequestFacts;
  /** Aborts when the peer is gone, the server drains, or the right to go on has been lost. */
  readonly signal: AbortSignal;
  principal: Principal;
  readonly #authorizer: Authorizer;
  readonly #decide: Decide;
  readonly #checks: { check: Check; what: string; needs: string }[] = [];
  readonly #abort: AbortController;
  #asked = false;

  constructor(init: {
    request: ApiRequest;
    route: ServedRoute;
    facts: RequestFacts;
    principal: Principal;
    authorizer: Authorizer;
    decide: Decide;
  }) {
    this.request = init.request;
    this.route = init.route;
    this.facts = init.facts;
    this.principal = init.principal;
    this.#authorizer = init.authorizer;
    this.#decide = init.decide;
    this.#abort = new AbortController();
    this.signal = AbortSignal.any([init.request.signal, this.#abort.signal]);
  }

  /** The same request as a call of another route: what is asked for is that route's permission. */
  as(route: ServedRoute): Call {
    const { request, facts, principal } = this;
    return new Call({ request, route, facts, principal, authorizer: this.#authorizer, decide: this.#decide });
  }

  get permission(): Permission {
    return parsePermission(this.route.permission);
  }

  /** Whether the handler has asked for its permission. */
  get asked(): boolean {
    return this.#asked;
  }

  header(name: string): string | undefined {
    return this.request.headers[name];
  }

  /** What the audit line names as target, e.g. `bucket/photos`. */
  target: string | undefined;

  /**
   * Asks for the route's permission on one thing. What may not be read does not exist.
   * @throws `not_found` (hidden), `forbidden` (may be read, this not), `unauthenticated` (nobody asked).
   */
  authorize(target: Target, what: string, permission: Permission = this.permission): void {
    this.decide(what, (principal) => this.#decide(principal, permission, target), permission);
  }

  /** The same with a rule of the handler's own. */
  decide(what: string, check: Check, permission: Permission = this.permission): void {
    this.#asked = true;
    const needs = `${permission.root}.${permission.resource}:${permission.action}`;
    this.#enforce(check, what, needs);
    this.#checks.push({ check, what, needs });
  }

  /** For lists: where the route's permission holds. Nobody is asked to say who they are. */
  projects(permission: Permission = this.permission): ReadonlySet<string> | "all" {
    this.#asked = true;
    if (this.principal.kind === "anonymous") throw new SkerryError("unauthenticated", NOBODY, { hint: LOGIN_HINT });
    return this.#authorizer.projectsFor(this.principal, permission);
  }

  /** Whether it would be allowed, without an error. Does not count as asking. */
  allows(permission: Permission, target: Target): boolean {
    return this.#authorizer.allows(this.principal, permission, target);
  }

  /** @throws as if it did not exist, or was not for nobody. */
  hide(what: string): never {
    if (this.principal.kind === "anonymous") throw new SkerryError("unauthenticated", NOBODY, { hint: LOGIN_HINT });
    // `bucket photos`
    const kind = /^([a-z]+) /.exec(what)?.[1];
    const elsewhere = IN_PROJECT.has(kind ?? "") ? "\nOf another project: --project NAME" : "";
    throw new SkerryError("not_found", `There is no ${what}, or it is not yours to see.`, {
      ...(kind === undefined || kind === "object"
        ? {}
        : { hint: `skerry ${kind} ls shows those that you may see.${elsewhere}` }),
    });
  }

  /** Decides everything again for the principal as it is now. @throws as `authorize`. */
  authorizeAgain(principal: Principal): void {
    this.principal = principal;
    for (const { check, what, needs } of this.#checks) this.#enforce(check, what, needs);
  }

  /** Ends what is still running for this request. */
  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  #enforce(check: Check, what: string, needs: string): void {
    const answer = check(this.principal);
    if (answer === "allow") return;
    if (answer !== "forbidden" || this.principal.kind === "anonymous") this.hide(what);
    throw new SkerryError("forbidden", `You may not do this to ${what}: it needs ${needs}.`, {
      hint: this.#hintForForbidden(),
      details: { permission: needs },
    });
  }

  #hintForForbidden(): string {
    const { credential, userName } = this.principal;
    if (credential?.kind === "token") {
      return `The token ${credential.name} may do what both its scopes and ${userName} may: skerry token get ${credential.name}`;
    }
    return "An admin can give you a role: in a project (skerry binding create), or in the whole cloud (skerry user update).";
  }
}

const NOBODY = "This needs a credential, and the request brought none.";
const LOGIN_HINT = "Log in with skerry login, or send Authorization: Bearer TOKEN.";
