/** How the text of a setting becomes its value. The same for a flag, a variable and the file. */
import { isIPv4, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { SkerryError } from "@skerry/core/domain/errors.ts";
import { LIMITS } from "@skerry/core/domain/limits.ts";
import { assertName, NAME_RULE } from "@skerry/core/domain/resource.ts";

/** A value as somebody wrote it, and where. */
export interface Written {
  /** Text from a flag or variable; a YAML scalar, a list, or "map" for anything nested from the file. */
  readonly value: string | number | boolean | null | readonly Written[] | { readonly map: true };
  /** How a number or boolean stands in the file. */
  readonly source?: string;
  /** `--data`, `SKERRY_DATA`, `skerry.yaml:3:7: data`. Begins the message of every refusal. */
  readonly place: string;
  /** Relative paths start here: the working directory, or the directory of the file. */
  readonly base: string;
  /** `~` in a path. */
  readonly homeDir: string;
}

export interface Address {
  /** An IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

const MAX_SHOWN = 80;

/** What somebody wrote, safe to show: in quotes, controls escaped, cut when long. */
export function quoted(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A refusal of one setting: `PLACE: what is wrong`, and the fix. */
export function refusal(place: string, problem: string, hint: string): SkerryError {
  return new SkerryError("invalid", `${place}: ${problem}`, { hint, details: { place } });
}

function textOf(written: Written): string {
  const { value, place } = written;
  if (typeof value === "string") {
    if (value === "") throw refusal(place, "the value is empty.", "Give it a value, or leave the setting out.");
    return value;
  }
  if (value === null) throw refusal(place, "the value is missing.", "Give it a value, or leave the setting out.");
  if (typeof value === "object") {
    throw refusal(place, `a string is wanted, not a ${Array.isArray(value) ? "list" : "map"}.`, "Write one value.");
  }
  throw refusal(
    place,
    `a string is wanted, and ${written.source} is a ${typeof value}.`,
    `Put it in quotes: ${quoted(written.source ?? `${value}`)}.`,
  );
}

/** An absolute path. `~` and `~/x` mean the home directory. */
export function pathOf(written: Written): string {
  const text = textOf(written);
  // A path with a line break or an escape sequence in it is a mistake, and a trap when it is shown.
  if (/\p{Cc}/u.test(text)) {
    throw refusal(written.place, `${quoted(text)} has control characters.`, "Choose a path without them.");
  }
  if (text !== "~" && !text.startsWith("~/")) return resolve(written.base, text);
  if (written.homeDir === "") {
    throw refusal(written.place, `${quoted(text)}: no home directory is known.`, "Set HOME, or write the whole path.");
  }
  return resolve(written.homeDir, text.slice(2));
}

/** Absolute paths, none twice and none inside another. */
export function pathsOf(written: Written): readonly string[] {
  const items = Array.isArray(written.value) ? (written.value as readonly Written[]) : [written];
  if (items.length > LIMITS.config.maxStorageDirectories) {
    const most = LIMITS.config.maxStorageDirectories;
    throw refusal(written.place, `${items.length} directories are given; ${most} is the most.`, "Give fewer.");
  }
  const paths: string[] = [];
  for (const item of items) {
    const path = pathOf(item);
    const other = paths.find((known) => isInside(path, known) || isInside(known, path));
    if (other !== undefined) {
      const problem = path === other ? `${quoted(path)} is given twice.` : `${quoted(path)} overlaps ${quoted(other)}.`;
      throw refusal(item.place, problem, "Give separate directories, best on separate disks.");
    }
    paths.push(path);
  }
  return paths;
}

/** True when `path` is `directory` or lies beneath it. Both are absolute. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

export function choiceOf<T extends string>(written: Written, choices: readonly T[]): T {
  const text = textOf(written);
  const found = choices.find((choice) => choice === text.toLowerCase());
  if (found !== undefined) return found;
  throw refusal(written.place, `${quoted(text)} is not one of ${choices.join(", ")}.`, `Write one of them.`);
}

/** `all`, `errors`, `off`, or a percentage such as `5%`. */
export function accessLogOf(written: Written): string {
  const text = textOf(written).toLowerCase();
  const percent = /^(\d{1,2}(?:\.\d{1,3})?)%$/.exec(text);
  if (percent !== null || ["all", "errors", "off"].includes(text)) return text;
  throw refusal(written.place, `${quoted(text)} says nothing of a log.`, "Write all, errors, off, or a share like 5%.");
}

/** How many of the requests that did not fail are logged, 0 to 1; undefined: nothing is. */
export function accessShareOf(text: string): number | undefined {
  if (text === "off") return undefined;
  if (text === "all") return 1;
  return text === "errors" ? 0 : Number(text.slice(0, -1)) / 100;
}

export function ipv4Of(written: Written): string {
  const text = textOf(written);
  if (isIPv4(text)) return text;
  throw refusal(written.place, `${quoted(text)} is not an IPv4 address.`, "Write one like 127.0.0.1.");
}

/** `10.199.0.0/16`: a private range with room for at least one /28, beginning where its size says. */
export function poolOf(written: Written): string {
  const text = textOf(written);
  const [address = "", bits = "", ...more] = text.split("/");
  const fail = (why: string) => refusal(written.place, `${quoted(text)} ${why}.`, "Write a range like 10.199.0.0/16.");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(bits) || more.length > 0) throw fail("is not an IPv4 range");
  if (Number(bits) < 8 || Number(bits) > 28) throw fail("is not between /8 and /28");
  const number = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  if (number % 2 ** (32 - Number(bits)) !== 0) throw fail("does not begin at a multiple of its size");
  if (!/^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/.test(address)) {
    throw fail("is not private");
  }
  return text;
}

/** `20000-20999`, or one port. */
export function portRangeOf(written: Written): string {
  const text = typeof written.value === "number" ? `${written.value}` : textOf(written);
  const [, first = "", last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first !== "" && from >= 1 && from <= to && to <= 65_535) return `${from}-${to}`;
  throw refusal(written.place, `${quoted(text)} is not a range of ports.`, "Write one like 20000-20999.");
}

/** Networks, `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one. */
export function networksOf(written: Written): readonly string[] {
  const items = Array.isArray(written.value) ? (written.value as readonly Written[]) : [written];
  const most = LIMITS.config.maxNetworks;
  if (items.length > most) throw refusal(written.place, `more than ${most} networks are given.`, "Give fewer.");
  return items.map((item) => {
    const text = textOf(item);
    const [address = "", bits, ...more] = text.split("/");
    const width = isIPv4(address) ? 32 : isIPv6(address) && !address.includes("%") ? 128 : -1;
    const isGood = width > 0 && more.length === 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
    if (isGood && Number(bits ?? width) <= width) return `${address}/${Number(bits ?? width)}`;
    throw refusal(item.place, `${quoted(text)} is not a network.`, "Write one like 10.0.0.0/8 or fd00::/8.");
  });
}

export function nodeNameOf(written: Written): string {
  const text = textOf(written);
  try {
    assertName(text, "node");
  } catch {
    throw refusal(written.place, `${quoted(text)} is not a node name.`, `A name is ${NAME_RULE}.`);
  }
  return text;
}

/**
 * `HOST:PORT` with a loopback host; `localhost` is 127.0.0.1. Port 0 = any that is free.
 * @throws `invalid`; `unsupported` for a host off loopback.
 */
export function loopbackAddressOf(written: Written): Address {
  const { host, port } = hostAndPortOf(written, "127.0.0.1:7400 or [::1]:7400");
  const loopback = loopbackOf(host);
  if (loopback !== undefined) return { host: loopback, port };
  throw new SkerryError(
    "unsupported",
    `${written.place}: ${quoted(host)} is not a loopback address, and off loopback plain HTTP would show passwords and tokens to the network.`,
    {
      hint: `Listen on 127.0.0.1:${port} or [::1]:${port}, and reach it from elsewhere through an SSH tunnel.`,
      details: { place: written.place },
    },
  );
}

/** `HOST:PORT` with an address of this machine, or all of them (0.0.0.0, [::]). Port 0 = any that is free. @throws `invalid`. */
export function addressOf(written: Written): Address {
  const { host, port } = hostAndPortOf(written, "127.0.0.1:8080 or 0.0.0.0:80");
  if (isIPv4(host) || isIPv6(host)) return { host, port };
  if (host.toLowerCase() === "localhost") return { host: "127.0.0.1", port };
  throw refusal(
    written.place,
    `${quoted(host)} is not an address.`,
    "Write an address of this machine, or 0.0.0.0 for all.",
  );
}

export function countOf(written: Written, most: number): number {
  const text = typeof written.value === "number" ? `${written.value}` : textOf(written);
  const count = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (count >= 0 && count <= most) return count;
  throw refusal(written.place, `${quoted(text)} is not a number from 0 to ${most}.`, "Write a number, such as 2.");
}

function hostAndPortOf(written: Written, examples: string): Address {
  // A port alone is a number in YAML: it is told what is missing, not to be put in quotes.
  const text = typeof written.value === "number" ? (written.source ?? `${written.value}`) : textOf(written);
  const example = `Write HOST:PORT, such as ${examples}; port 0 takes any free one.`;
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (parts === null) {
    const problem =
      isIPv6(text) || text.split(":").length > 2 ? "an IPv6 address needs brackets" : "it is not HOST:PORT";
    throw refusal(written.place, `${quoted(text)}: ${problem}.`, example);
  }
  const [, bracketed, plain, portText = ""] = parts;
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < 0 || port > 65_535) {
    throw refusal(written.place, `${quoted(text)}: the port must be a number from 0 to 65535.`, example);
  }
  const host = bracketed ?? plain ?? "";
  if (host === "") throw refusal(written.place, `${quoted(text)} has no host.`, example);
  if (bracketed !== undefined && !isIPv6(bracketed)) {
    throw refusal(written.place, `${quoted(bracketed)} is not an IPv6 address.`, example);
  }
  return { host, port };
}

function loopbackOf(host: string): string | undefined {
  if (host.toLowerCase() === "localhost") return "127.0.0.1";
  if (isIPv4(host)) return host.startsWith("127.") ? host : undefined;
  return isIPv6(host) && /^[0:]*:0*1$/.test(host) ? "::1" : undefined;
}

/** `127.0.0.1:7400`, `[::1]:7400` */
export function addressText(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
