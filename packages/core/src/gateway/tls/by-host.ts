/** What some routes of a host say of all its handshakes. Those of one host say the same. */
export class ByHost<T> {
  readonly #hosts = new Map<string, Map<string, T>>();
  readonly #hostOf = new Map<string, string>();

  /** Undefined: the route says nothing. */
  put(route: string, host: string, says: T | undefined): void {
    this.delete(route);
    if (says === undefined) return;
    this.#hostOf.set(route, host);
    const routes = this.#hosts.get(host) ?? new Map<string, T>();
    this.#hosts.set(host, routes.set(route, says));
  }

  delete(route: string): void {
    const host = this.#hostOf.get(route);
    if (host === undefined) return;
    this.#hostOf.delete(route);
    const routes = this.#hosts.get(host);
    routes?.delete(route);
    if (routes?.size === 0) this.#hosts.delete(host);
  }

  /** A host as routes name it. */
  of(host: string): T | undefined {
    return this.#hosts.get(host)?.values().next().value;
  }
}
