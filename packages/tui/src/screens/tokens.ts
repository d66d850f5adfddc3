import { type TokenView, tokenRoutes } from "@skerry/core/contract/api/token.ts";
import { tokenPresentation } from "@skerry/core/contract/present/token.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const tokensScreen = defineScreen<TokenView>({
  id: "token",
  title: "Tokens",
  presentation: tokenPresentation,
  source: { kind: "watch", call: callOf(tokenRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No tokens of yours. skerry token create makes one.",
  keys: [
    removeKey(
      "token",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(tokenRoutes.delete, { params: { name: meta.name } }),
      "It is refused at once, wherever it is used.",
    ),
  ],
});
