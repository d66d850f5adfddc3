/** What a transfer is called, and what it was. */
import { basename } from "node:path";
import { formatBytes } from "@skerry/core/contract/present/values.ts";
import { baseName, type Place } from "./address.ts";

/** `300 MiB in 2.1 s (143 MiB/s)` */
export function summary(bytes: number, seconds: number): string {
  return `${formatBytes(bytes)} in ${seconds.toFixed(1)} s (${formatBytes(bytes / Math.max(seconds, 0.001))}/s)`;
}

export function labelOf(place: Place): string {
  if (place.at === "stdio") return "-";
  return place.at === "here" ? basename(place.path) : baseName(place.key) || place.bucket;
}
