/** The state on the terminal. */
import { useApp, useInput, useWindowSize } from "ink";
import { useEffect, useSyncExternalStore } from "react";
import { Lines } from "../components/lines.tsx";
import { keyNames } from "../keys/names.ts";
import type { App } from "./app.ts";
import { drawApp } from "./draw.ts";

interface AppScreenProps {
  readonly app: App;
  readonly color: boolean;
  readonly runCommand: (words: readonly string[]) => Promise<number>;
}

export function AppScreen({ app, color, runCommand }: AppScreenProps) {
  useSyncExternalStore(app.changes.subscribe, app.changes.version);
  const { columns, rows } = useWindowSize();
  const { suspendTerminal } = useApp();
  useEffect(() => {
    app.runCommand = async (words) => {
      let status = 0;
      await suspendTerminal(async () => {
        status = await runCommand(words);
      });
      return status;
    };
  }, [app, runCommand, suspendTerminal]);
  useInput((input, key) => {
    for (const name of keyNames(input, key)) app.key(name);
  });
  return <Lines lines={drawApp(app, { width: columns, height: rows })} color={color} />;
}
