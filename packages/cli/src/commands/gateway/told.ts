/** What a change of the gateway does, for people. */
import type { GatewayChangeView, PreviewView } from "@skerry/core/contract/api/gateway.ts";
import { changesFrom } from "../../declare/differences.ts";
import { changeLines } from "../../output/change-lines.ts";
import { escapeText } from "../../output/escape.ts";

/** `verb`: `would be `, or nothing. */
export function changesText(changes: readonly GatewayChangeView[], verb: string): string {
  return changes
    .map(({ kind, name, result, before, after }) => {
      const fields = changesFrom(
        before === undefined ? {} : { spec: before },
        after === undefined ? {} : { spec: after },
      );
      return `${kind}/${escapeText(name)} ${verb}${result}\n${fields.map(changeLines).join("")}`;
    })
    .join("");
}

export function previewText({ requests, told, untold }: PreviewView): string {
  const lines = told.map(({ count, method, url, before, after }) => {
    const times = count === 1 ? "" : ` (${count} times)`;
    const side = (sign: string, { route, text }: typeof before) =>
      `  ${sign} ${escapeText(route === undefined ? text : `${route} ${text}`)}\n`;
    return `${escapeText(method)} ${escapeText(url)}${times}\n${side("-", before)}${side("+", after)}`;
  });
  const more = untold === 0 ? "" : `${untold} more that change are left out here.\n`;
  return lines.join("") + more + summary(requests);
}

function summary({ looked, changed, settings, unsure }: PreviewView["requests"]): string {
  if (looked + unsure === 0) {
    return "No request was looked at: the access log has none of this project. --samples FILE gives some.\n";
  }
  const rest = [
    ...(settings === 0 ? [] : [`${settings} more go where they went, with other settings`]),
    ...(unsure === 0 ? [] : [`${unsure} of the access log cannot be told, for want of their headers and query`]),
  ];
  return `${[`${changed} of ${looked} sampled requests change`, ...rest].join("; ")}.\n`;
}
