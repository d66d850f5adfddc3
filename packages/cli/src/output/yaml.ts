/** YAML that is safe to show. Loaded only for `-o yaml`. */
import { Document, isScalar, visit } from "yaml";
import { escapeJson, isUnsafe } from "./escape.ts";

/**
 * One document, without its `---`. A string with characters that must not reach a terminal is written in double quotes,
 * where they can be escaped.
 */
export function formatYaml(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, (_key, node) => {
    if (isScalar(node) && typeof node.value === "string" && isUnsafe(node.value) && node.value !== "\n") {
      node.type = "QUOTE_DOUBLE";
    }
  });
  return escapeYaml(document.toString({ lineWidth: 0 }));
}

/** What is left to escape stands in double quotes only. Characters beyond the first plane take `\U`. */
function escapeYaml(text: string): string {
  return escapeJson(text).replace(/\\ud([89ab][0-9a-f]{2})\\ud([c-f][0-9a-f]{2})/g, (_, high: string, low: string) => {
    const code =
      0x10000 + ((Number.parseInt(`d${high}`, 16) - 0xd800) << 10) + (Number.parseInt(`d${low}`, 16) - 0xdc00);
    return `\\U${code.toString(16).padStart(8, "0")}`;
  });
}
