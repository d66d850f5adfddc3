/** The target of a request and its Host (RFC 9112 3.2, RFC 9110 7.2). */
import { Refusal } from "./grammar.ts";

const BAD_HOST = new Refusal("invalid", "The header Host is not a host name.");
const BAD_TARGET = new Refusal("invalid", "The target of the request is neither a path nor a URL of this Host.");
const CONNECT = new Refusal("invalid/method", "CONNECT is not taken: this is not a forward proxy.");
const TRACE = new Refusal("invalid/method", "TRACE is not taken.");

const HOST =
  /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/;
const MAX_HOST_LENGTH = 261;
const ABSOLUTE = /^(?:http|https):\/\/([^/?]*)(.*)$/i;

let lastHost = "";
let lastName: string | Refusal = BAD_HOST;

/** The name in a Host header in lower case, without port and final dot. A refusal when it is not a host name. */
export function hostName(value: string): string | Refusal {
  // Requests to the same host come one after another.
  if (value !== lastHost) {
    lastHost = value;
    lastName = readHostName(value);
  }
  return lastName;
}

function readHostName(value: string): string | Refusal {
  const text = value.toLowerCase();
  if (text.length > MAX_HOST_LENGTH || !HOST.test(text)) return BAD_HOST;
  if (text.charCodeAt(0) === 0x5b) return text.slice(0, text.indexOf("]") + 1);
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/**
 * What is sent on as the target: the path with its query, or `*`. `text` holds visible ASCII only. The absolute form is
 * taken when it names the same Host: it would otherwise win over the header, and others read it differently.
 */
export function originForm(method: string, text: string, host: string): string | Refusal {
  if (method === "CONNECT") return CONNECT;
  if (method === "TRACE") return TRACE;
  if (text.charCodeAt(0) === 0x2f) return text;
  if (text === "*") return method === "OPTIONS" ? text : BAD_TARGET;
  const absolute = ABSOLUTE.exec(text);
  if (absolute === null || (absolute[1] as string).toLowerCase() !== host.toLowerCase()) return BAD_TARGET;
  const rest = absolute[2] as string;
  if (rest === "") return method === "OPTIONS" ? "*" : "/";
  return rest.startsWith("/") ? rest : `/${rest}`;
}
