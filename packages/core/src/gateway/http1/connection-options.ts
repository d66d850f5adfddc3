/** The header Connection (RFC 9110 7.6.1): options, and names of headers that are meant for this hop only. */
import { Refusal, TOKEN } from "./grammar.ts";

const NOT_A_LIST = new Refusal("invalid", "The header Connection is not a list of names.");

export class ConnectionOptions {
  close = false;
  keepAlive = false;
  upgrade = false;
  /** Headers that must not be passed on, in lower case; undefined when there are none. */
  named: Set<string> | undefined;

  reset(): void {
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.named = undefined;
  }

  /** Adds one header's value. A refusal when it is not a list of tokens. */
  add(value: string): Refusal | undefined {
    // What nearly all say.
    if (value === "keep-alive" || value === "Keep-Alive") {
      this.keepAlive = true;
      return undefined;
    }
    for (const part of value.toLowerCase().split(",")) {
      const name = part.trim();
      if (name === "") continue;
      if (!isToken(name)) return NOT_A_LIST;
      if (name === "close") this.close = true;
      else if (name === "keep-alive") this.keepAlive = true;
      else if (name === "upgrade") this.upgrade = true;
      else {
        this.named ??= new Set();
        this.named.add(name);
      }
    }
    return undefined;
  }
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  return true;
}
