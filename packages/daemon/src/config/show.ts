/** The settings for people: the help text, and what is in force with where it came from. */
import type { Config } from "./load.ts";
import { CONFIG_VARIABLE, SETTING_KEYS, SETTINGS, type Setting, type SettingKey } from "./settings.ts";
import { type Address, addressText } from "./values.ts";

/** The help, made from the table. `program` is what was typed. */
export function usage(program = "skerryd"): string {
  const rows = SETTING_KEYS.map((key) => settingLines(key, SETTINGS[key]));
  return [
    `Usage: ${program} [FLAGS]`,
    "",
    "Runs one node of the cloud in the foreground.",
    "SIGHUP reads the configuration again; SIGTERM drains and stops.",
    "",
    "Settings. The first that is given wins: flag, variable, key in the file, default.",
    "",
    ...rows.flat(),
    `  --config FILE`,
    `      a YAML file with settings, under the keys above; a dot is a level`,
    `      variable ${CONFIG_VARIABLE}`,
    "",
    "Other flags:",
    "  --print-config    print the settings in force and where each comes from, and stop",
    "  --version         print the version, and stop",
    "  -h, --help        print this, and stop",
    "",
  ].join("\n");
}

function settingLines(key: SettingKey, row: Setting<unknown>): string[] {
  return [
    `  --${row.flag} ${row.argument}`,
    `      ${row.summary}`,
    `      variable ${row.variable}, key ${key}`,
    `      default: ${row.fallbackText}`,
  ];
}

/** The value of a setting in `config`. */
export function settingOf(config: Config, key: SettingKey): unknown {
  let value: unknown = config;
  for (const level of key.split(".")) value = (value as Record<string, unknown> | undefined)?.[level];
  return value;
}

/** The settings in force as a configuration file, each with its source as a comment. */
export function formatConfig(config: Config): string {
  const lines: string[] = [];
  let section = "";
  for (const key of SETTING_KEYS) {
    const [group = "", name] = key.split(".");
    if (name !== undefined && group !== section) lines.push(`${group}:`);
    section = name === undefined ? "" : group;
    const value = settingOf(config, key);
    const { where } = config.sources[key];
    const indent = name === undefined ? "" : "  ";
    const shown = value === undefined ? `# ${name ?? group}: none` : `${name ?? group}: ${yamlOf(value)}`;
    lines.push(`${indent}${shown} # ${where}`);
  }
  return `${lines.join("\n")}\n`;
}

/** JSON is YAML: strings in quotes, lists in brackets. */
function yamlOf(value: unknown): string {
  const isAddress = typeof value === "object" && value !== null && "host" in value;
  return JSON.stringify(isAddress ? addressText(value as Address) : value);
}
