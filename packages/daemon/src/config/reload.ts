/** What a reload (SIGHUP) may change while the daemon runs. */
import { isDeepStrictEqual } from "node:util";
import type { Config } from "./load.ts";
import { SETTING_KEYS, SETTINGS, type SettingKey } from "./settings.ts";
import { settingOf } from "./show.ts";

export interface Changes {
  /** Settings that differ and apply at once. */
  readonly live: readonly SettingKey[];
  /** Settings that differ and wait for a restart. */
  readonly restart: readonly SettingKey[];
}

export function reloadable(old: Config, next: Config): Changes {
  const changed = SETTING_KEYS.filter((key) => !isDeepStrictEqual(settingOf(old, key), settingOf(next, key)));
  return {
    live: changed.filter((key) => SETTINGS[key].reload === "live"),
    restart: changed.filter((key) => SETTINGS[key].reload === "restart"),
  };
}
