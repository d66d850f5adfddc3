/** Files of requests: a line each, `METHOD URL [-H 'NAME: VALUE']... [--client ADDRESS]`. */
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { openFile } from "../../transfer/open-file.ts";

const { maxSamples } = LIMITS.history;

export interface SampleLine {
  readonly method: string;
  readonly url: string;
  readonly headers: { name: string; value: string }[];
  readonly client?: string;
}

/** Empty lines, and those that begin with #, are none. `-`: standard input. @throws `invalid` with the line. */
export async function readSamples(path: string, stdin: AsyncIterable<Uint8Array>): Promise<readonly SampleLine[]> {
  const name = path === "-" ? "standard input" : path;
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const take = async (source: AsyncIterable<Uint8Array>) => {
    for await (const part of source) {
      sizeBytes += part.length;
      if (sizeBytes > LIMITS.cli.maxDeclarationBytes) throw tooMuch(name);
      parts.push(part);
    }
  };
  if (path === "-") await take(stdin);
  else {
    await using file = await openFile(path, "requests, a line each");
    await take(file.bytes);
  }
  const lines = Buffer.concat(parts).toString("utf8").split(/\r?\n/);
  const samples = lines.flatMap((line, at) => {
    return /^\s*(#|$)/.test(line) ? [] : [parseSample(line, `${name}:${at + 1}`)];
  });
  if (samples.length > maxSamples) throw tooMuch(name);
  return samples;
}

function parseSample(line: string, place: string): SampleLine {
  const fail = (why: string) =>
    new SkerryError("invalid", `${place}: ${why}.`, {
      hint: "Like POST https://app.example.com/api?page=2 -H 'X-API: v2' --client 192.0.2.7",
    });
  const [method, url, ...rest] = wordsOf(line) ?? fatal(fail("a quote is not closed"));
  if (method === undefined || url === undefined) throw fail("a request has a method and a URL");
  const headers: SampleLine["headers"] = [];
  let client: string | undefined;
  for (let at = 0; at < rest.length; at += 2) {
    const [flag, value = ""] = rest.slice(at, at + 2);
    const [, header, text = ""] = /^([^:]+):\s*(.*)$/s.exec(value) ?? [];
    if (flag === "--client" && value !== "") client = value;
    else if ((flag === "-H" || flag === "--header") && header !== undefined)
      headers.push({ name: header.trim(), value: text.trim() });
    else
      throw fail(`${JSON.stringify([flag, value].join(" ").trim())} is neither -H 'NAME: VALUE' nor --client ADDRESS`);
  }
  return { method, url, headers, ...(client === undefined ? {} : { client }) };
}

/** Parts between blanks; what stands in quotes is together. Undefined: a quote is not closed. */
function wordsOf(line: string): string[] | undefined {
  const words = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const read = words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
  return /["']/.test(line.replace(/"[^"]*"|'[^']*'/g, "")) ? undefined : read;
}

function fatal(error: SkerryError): never {
  throw error;
}

function tooMuch(name: string): SkerryError {
  return new SkerryError("invalid/too-large", `${name} has more than ${maxSamples} requests, or is too large.`, {
    hint: "Give fewer: those that are alike are decided alike.",
  });
}
