import { type UserView, userRoutes } from "@skerry/core/contract/api/user.ts";
import { userPresentation } from "@skerry/core/contract/present/user.ts";
import { callOf, defineScreen, removeKey } from "./screen.ts";

export const usersScreen = defineScreen<UserView>({
  id: "user",
  title: "Users",
  presentation: userPresentation,
  source: { kind: "watch", call: callOf(userRoutes.list) },
  idOf: ({ meta }) => meta.uid,
  toneOf: ({ spec }) => (spec.disabled ? "faint" : "plain"),
  enter: () => ({ kind: "detail" }),
  enterDoes: "details",
  empty: "No users that you may see.",
  keys: [
    removeKey(
      "user",
      ({ meta }) => meta.name,
      ({ meta }) => callOf(userRoutes.delete, { params: { name: meta.name } }),
      "The user's sessions and tokens end at once, and the empty project goes too.",
    ),
  ],
});
