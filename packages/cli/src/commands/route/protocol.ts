/** What a route says of what it leads to, besides where that is. */
const PROTOCOLS = ["auto", "http/1.1", "h2"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

export const PROTOCOL_OPTION = {
  type: "string",
  choices: PROTOCOLS,
  describe: "Spoken with what it leads to: auto (HTTP/2 where https:// offers it), http/1.1 or h2",
} as const;

export const TAG_OPTION = {
  type: "array",
  describe: "With upstream/NAME: only backends that have this tag; again for more",
} as const;
