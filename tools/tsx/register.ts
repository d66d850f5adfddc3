/**
 * Lets Node run the `.tsx` of a checkout as it runs the `.ts`: `node --import tools/tsx/register.ts`. Node strips types
 * and leaves JSX alone; the sources that have it go through oxc. The hook is there at once, oxc only when such a source is.
 */
import { readFileSync } from "node:fs";
// biome-ignore lint/style/noRestrictedImports: it teaches Node an extension, and loads nothing by hand
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { transformSync } from "oxc-transform";

registerHooks({
  load(url, context, next) {
    if (!url.startsWith("file:") || !new URL(url).pathname.endsWith(".tsx")) return next(url, context);
    const path = fileURLToPath(url);
    const { code, map, errors } = transformSync(path, readFileSync(path, "utf8"), {
      jsx: { runtime: "automatic", importSource: "react" },
      sourcemap: true,
      target: "esnext",
    });
    const [error] = errors;
    if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}\n${error.codeframe ?? ""}`);
    const inlined = Buffer.from(JSON.stringify(map)).toString("base64");
    const source = `${code}\n//# sourceMappingURL=data:application/json;base64,${inlined}`;
    return { format: "module", source, shortCircuit: true };
  },
});
