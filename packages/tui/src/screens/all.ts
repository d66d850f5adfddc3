/** The screens that have a number, in its order. A new one is a file beside this, and a line here. */
import { auditScreen } from "./audit.ts";
import { bucketsScreen } from "./buckets.ts";
import { containersScreen } from "./containers.ts";
import { jobsScreen } from "./jobs.ts";
import { projectsScreen } from "./projects.ts";
import { routesScreen } from "./routes.ts";
import type { Screen } from "./screen.ts";
import { sessionsScreen } from "./sessions.ts";
import { tokensScreen } from "./tokens.ts";
import { usersScreen } from "./users.ts";

export const ROOT_SCREENS: readonly Screen[] = [
  containersScreen,
  routesScreen,
  bucketsScreen,
  usersScreen,
  tokensScreen,
  sessionsScreen,
  projectsScreen,
  jobsScreen,
  auditScreen,
];
