/** The screens, in the order of the second line; the first nine have a number. A new one is a file beside this, and a line here. */
import { auditScreen } from "./audit.ts";
import { bindingsScreen } from "./bindings.ts";
import { bucketsScreen } from "./buckets.ts";
import { certificatesScreen } from "./certificates.ts";
import { containersScreen } from "./containers.ts";
import { imagesScreen } from "./images.ts";
import { ipListsScreen } from "./iplists.ts";
import { jobsScreen } from "./jobs.ts";
import { projectsScreen } from "./projects.ts";
import { requestsScreen } from "./requests.ts";
import { routesScreen } from "./routes.ts";
import type { Screen } from "./screen.ts";
import { sessionsScreen } from "./sessions.ts";
import { tokensScreen } from "./tokens.ts";
import { trafficScreen } from "./traffic.ts";
import { upstreamsScreen } from "./upstreams.ts";
import { networksScreen, volumesScreen } from "./used.ts";
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
  volumesScreen,
  networksScreen,
  upstreamsScreen,
  requestsScreen,
  trafficScreen,
  certificatesScreen,
  ipListsScreen,
  imagesScreen,
  bindingsScreen,
];
