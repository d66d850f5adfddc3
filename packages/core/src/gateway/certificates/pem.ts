/** PEM (RFC 7468): which blocks a text has. What stands outside of them is left out. */

export interface Block {
  /** `CERTIFICATE`, `PRIVATE KEY` ... */
  readonly label: string;
  /** As it stands, from BEGIN to END. */
  readonly text: string;
}

export function blocksIn(text: string): Block[] {
  const found = text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----[\s\S]*?-----END \1-----/g);
  return [...found].map(([whole, label = ""]) => ({ label, text: whole.replaceAll("\r", "") }));
}

/** PEM of each certificate. */
export function certificatesIn(text: string): string[] {
  return blocksIn(text)
    .filter(({ label }) => label === "CERTIFICATE")
    .map((block) => block.text);
}
