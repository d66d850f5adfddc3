/** What somebody types to see only some requests: words that all must hold. */
import type { AccessLine } from "@skerry/core/contract/present/access-log.ts";

type Holds = (line: AccessLine) => boolean;

/** For the help. */
export const ACCESS_WORDS = [
  ["failed", "a status from 500, or a reason of the gateway's"],
  ["502  5xx", "a status, or a class of them"],
  [">250", "at least so many milliseconds"],
  ["host:X  path:X", "a part of the host, of the path"],
  ["route:X", "the route of that name"],
  ["method:X", "that method"],
  ["client:X", "a part of the client's address"],
  ["reason:X", "a part of the reason"],
  ["anything else", "a part of any of these"],
  ["!WORD", "the others"],
] as const;

const PLACES: Readonly<Record<string, (line: AccessLine, wanted: string) => boolean>> = {
  host: ({ host = "" }, wanted) => lower(host).includes(wanted),
  path: ({ path = "" }, wanted) => lower(path).includes(wanted),
  route: ({ name, route }, wanted) => lower(name ?? route ?? "-") === wanted,
  method: ({ method = "" }, wanted) => lower(method) === wanted,
  client: ({ client = "" }, wanted) => lower(client).includes(wanted),
  reason: ({ error = "" }, wanted) => lower(error).includes(wanted),
};

export function accessFilter(text: string): Holds {
  const words = text
    .toLowerCase()
    .split(" ")
    .filter((word) => word !== "" && word !== "!");
  const all = words.map((word) => (word.startsWith("!") ? not(oneOf(word.slice(1))) : oneOf(word)));
  return (line) => all.every((holds) => holds(line));
}

/** The text with the word, or without it where it has it; `place:` words take the place of one another. */
export function turnWord(text: string, word: string): string {
  const words = text.split(" ").filter((one) => one !== "");
  const place = /^[a-z]+:/.exec(word)?.[0];
  const others = words.filter((one) => one !== word && (place === undefined || !one.startsWith(place)));
  return (words.includes(word) ? others : [...others, word]).join(" ");
}

function oneOf(word: string): Holds {
  if (word === "failed") return ({ status = 0, error }) => status >= 500 || error !== undefined;
  if (/^[1-5]xx$/.test(word)) return ({ status = 0 }) => Math.floor(status / 100) === Number(word[0]);
  if (/^[1-5]\d\d$/.test(word)) return ({ status }) => status === Number(word);
  const [, least] = /^>=?(\d+)$/.exec(word) ?? [];
  if (least !== undefined) return ({ durationUs = 0 }) => durationUs >= Number(least) * 1000;
  const [, place = "", wanted = ""] = /^([a-z]+):(.+)$/.exec(word) ?? [];
  const holds = Object.hasOwn(PLACES, place) ? PLACES[place] : undefined;
  if (holds !== undefined) return (line) => holds(line, wanted);
  return ({ method = "", host = "", path = "", name = "", client = "", error = "", id = "", upstream = "" }) =>
    lower(`${method} ${host}${path} ${name} ${client} ${error} ${id} ${upstream}`).includes(word);
}

function not(holds: Holds): Holds {
  return (line) => !holds(line);
}

function lower(text: string): string {
  return text.toLowerCase();
}
