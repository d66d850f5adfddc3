/** The rule is the contract's: the TUI shows the same things. */
export { escapeJson, escapeLines, escapeText, isUnsafe, plainText } from "@skerry/core/contract/present/escape.ts";
