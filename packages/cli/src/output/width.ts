/** The rule is the contract's: the TUI measures the same text. */
export { cutToWidth, padToWidth, textWidth } from "@skerry/core/contract/present/width.ts";
