/** The state on the terminal. */
import { useInput, useWindowSize } from "ink";
import { useSyncExternalStore } from "react";
import { Lines } from "../components/lines.tsx";
import { keyNames } from "../keys/names.ts";
import type { App } from "./app.ts";
import { drawApp } from "./draw.ts";

export function AppScreen({ app, color }: { readonly app: App; readonly color: boolean }) {
  useSyncExternalStore(app.changes.subscribe, app.changes.version);
  const { columns, rows } = useWindowSize();
  useInput((input, key) => {
    for (const name of keyNames(input, key)) app.key(name);
  });
  return <Lines lines={drawApp(app, { width: columns, height: rows })} color={color} />;
}
