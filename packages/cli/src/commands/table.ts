/** Every command: its words, one line of what it does, and where it is. Loads nothing itself. */
import type { AnyCommand, Entry } from "./command.ts";
import { loadDescriptor, type ResourceKind } from "./resource/kinds.ts";

type Loaded = Promise<{ readonly default: unknown }>;

function command(words: string, summary: string, load: () => Loaded): Entry {
  return { words, summary, load: async () => (await load()).default as AnyCommand };
}

const VERBS = {
  ls: { summary: "List the KINDs that you may see", load: async () => (await import("./resource/ls.ts")).lsOf },
  get: { summary: "Show one KIND", load: async () => (await import("./resource/get.ts")).getOf },
  rm: { summary: "Remove KINDs", load: async () => (await import("./resource/rm.ts")).rmOf },
  watch: { summary: "Follow the changes of KINDs", load: async () => (await import("./resource/watch.ts")).watchOf },
};
type Verb = keyof typeof VERBS;

/** The plain verbs of a resource. `rm` says what removing means there. */
function resource(kind: ResourceKind, rm?: string, leaveOut: readonly Verb[] = []): readonly Entry[] {
  return (Object.keys(VERBS) as Verb[])
    .filter((verb) => !leaveOut.includes(verb))
    .map((verb) => ({
      words: `${kind} ${verb}`,
      summary: verb === "rm" && rm !== undefined ? rm : VERBS[verb].summary.replace("KIND", kind),
      load: async () => {
        const [make, descriptor] = await Promise.all([VERBS[verb].load(), loadDescriptor(kind)]);
        return make(descriptor) as unknown as AnyCommand;
      },
    }));
}

export const ENTRIES: readonly Entry[] = [
  {
    words: "up",
    summary: "Start a one-node cloud here",
    load: async () => (await import("./up.ts")).up,
  },
  command("status", "Show how the cloud is", () => import("./status.ts")),
  command("ui", "Follow the cloud on a screen", () => import("./ui.ts")),
  command("top", "Draw processor, memory, requests and latency", () => import("./top.ts")),

  command("doctor", "Look for what is wrong on this machine, and say what to do", () => import("./doctor.ts")),

  command("cp", "Copy files and folders into a bucket, out of it, or between buckets", () => import("./cp.ts")),
  command("ls", "List buckets, or the objects of one", () => import("./ls.ts")),
  command("rm", "Remove objects", () => import("./rm.ts")),
  command("stat", "Show size, ETag and metadata of an object", () => import("./stat.ts")),

  command("run", "Create a container from an image and start it", () => import("./run.ts")),
  command("ps", "List containers", () => import("./ps.ts")),
  command("logs", "Show what a container writes", () => import("./logs.ts")),
  command("exec", "Run a command in a container", () => import("./exec.ts")),
  command("shell", "Open a shell in a container", () => import("./shell.ts")),
  command("stop", "Stop containers", () => import("./stop.ts")),
  command("start", "Start containers that were stopped", () => import("./start.ts")),

  command("get", "Show resources of a kind, or one", () => import("./get.ts")),
  command("apply", "Create or update what a file declares", () => import("./apply.ts")),

  command("login", "Log in to a cloud, and make it the current one", () => import("./login.ts")),
  command("logout", "End the session and forget its token", () => import("./logout.ts")),
  command("whoami", "Show who you are and with which credential", () => import("./whoami.ts")),
  command("context ls", "List the clouds that you have logged in to", () => import("./context/ls.ts")),
  command("context use", "Talk to this cloud from now on", () => import("./context/use.ts")),
  command("context rm", "Forget a cloud", () => import("./context/rm.ts")),

  command("bucket create", "Create a bucket", () => import("./bucket/create.ts")),
  command("bucket update", "Change a bucket's visibility or labels", () => import("./bucket/update.ts")),
  ...resource("bucket", "Remove empty buckets"),

  command("route canary", "Give one variant more requests step by step, or none", () => import("./route/canary.ts")),
  command("route create", "Publish something under a host name", () => import("./route/create.ts")),
  command(
    "route explain",
    "Tell step by step which route a request takes, and why",
    () => import("./route/explain.ts"),
  ),
  command("route purge", "Forget what the gateway keeps of a route's answers", () => import("./route/purge.ts")),
  command("route switch", "Lead a route elsewhere at once, or back", () => import("./route/switch.ts")),
  command(
    "route ticket",
    "Print a header with which answers say which route has decided",
    () => import("./route/ticket.ts"),
  ),
  command("route update", "Change where a route leads, or its labels", () => import("./route/update.ts")),
  ...resource("route", "Remove routes; the last one to a host name frees the name"),

  command("upstream create", "Put several backends under one name", () => import("./upstream/create.ts")),
  command("upstream update", "Change backends of an upstream, or its labels", () => import("./upstream/update.ts")),
  command("upstream drain", "Give a backend no new requests", () => import("./upstream/drain.ts")),
  command("upstream undrain", "Give a backend requests again", () => import("./upstream/undrain.ts")),
  ...resource("upstream", "Remove upstreams that no route leads to"),

  command("certificate create", "Bring a certificate for hosts of routes", () => import("./certificate/create.ts")),
  command("certificate update", "Put another certificate in its place", () => import("./certificate/update.ts")),
  ...resource("certificate", "Remove certificates, with their keys"),

  command(
    "iplist create",
    "Give networks a name, for routes that allow or block them",
    () => import("./iplist/create.ts"),
  ),
  command("iplist update", "Put other networks into a list", () => import("./iplist/update.ts")),
  ...resource("iplist", "Remove lists of networks that no route names"),

  command("gateway log", "Show the requests that the gateway has served", () => import("./gateway/log.ts")),
  command(
    "gateway preview",
    "Show which requests a change of the gateway would change",
    () => import("./gateway/preview.ts"),
  ),
  command("gateway apply", "Make a file's part of the gateway so, all at once", () => import("./gateway/apply.ts")),
  command("gateway history", "Show what was changed of the gateway, and by whom", () => import("./gateway/history.ts")),
  command("gateway rollback", "Put the gateway back as it was, all at once", () => import("./gateway/rollback.ts")),
  command("ca export", "Print the certificate that clients of the gateway must trust", () => import("./ca/export.ts")),

  command("container stats", "Show what containers use now", () => import("./container/stats.ts")),
  command("container cp", "Copy a file into a container or out of one", () => import("./container/cp.ts")),
  command("container update", "Change what containers may use, or their labels", () => import("./container/update.ts")),
  ...resource("container", "Stop and remove containers, with what they wrote"),
  command("network create", "Create a network for containers", () => import("./network/create.ts")),
  ...resource("network", "Remove networks that no container has"),
  command("volume create", "Create a volume: files that outlive containers", () => import("./volume/create.ts")),
  ...resource("volume", "Remove volumes with what is in them"),
  command("image load", "Load an image from a file", () => import("./image/load.ts")),
  command("image ls", "List the images that you can use", () => import("./image/ls.ts")),
  command("image rm", "Remove images of the project", () => import("./image/rm.ts")),

  command("user create", "Create a user, and a project of the same name", () => import("./user/create.ts")),
  command("user update", "Change a user's role or labels, disable or enable", () => import("./user/update.ts")),
  command("user passwd", "Set a password", () => import("./user/passwd.ts")),
  command(
    "user reset-password",
    "Set a password without a login, while the daemon is down",
    () => import("./user/reset-password.ts"),
  ),
  ...resource("user", "Remove users, with their empty projects, sessions and tokens"),

  command("token create", "Create a token for scripts", () => import("./token/create.ts")),
  ...resource("token", "Revoke tokens: they are refused at once"),

  command("project create", "Create a project for a team", () => import("./project/create.ts")),
  ...resource("project", "Remove empty projects"),
  command("binding create", "Give a user a role in a project", () => import("./binding/create.ts")),
  ...resource("binding", "Take roles in a project away; a binding has the user's name"),
  ...resource("session", "End sessions of yours; current is the one you ask with", ["get"]),

  command("storage status", "Show chunkservers, disks and copies", () => import("./storage/status.ts")),
  command("job ls", "List background jobs", () => import("./job/ls.ts")),
  command(
    "backup create",
    "Save what is declared and the index of objects to a file",
    () => import("./backup/create.ts"),
  ),
  command("backup verify", "Look whether a backup is whole", () => import("./backup/verify.ts")),
  command("backup restore", "Put a backup in place, while the daemon is down", () => import("./backup/restore.ts")),
  command("service install", "Let systemd run the daemon", () => import("./service/install.ts")),
  command("service uninstall", "Remove that unit again; the data stays", () => import("./service/uninstall.ts")),
  command("service status", "Show what systemd knows of the daemon", () => import("./service/status.ts")),
  command("audit ls", "Show the newest lines of the audit log", () => import("./audit/ls.ts")),
  {
    words: "health ready",
    summary: "Say whether requests can be served",
    load: async () => (await import("./raw.ts")).ready as unknown as AnyCommand,
  },
  {
    words: "health live",
    summary: "Say whether the process runs",
    load: async () => (await import("./raw.ts")).live as unknown as AnyCommand,
  },
  {
    words: "metrics",
    summary: "Show the metrics, in the format of Prometheus",
    load: async () => (await import("./raw.ts")).metrics as unknown as AnyCommand,
  },
  {
    words: "openapi",
    summary: "Show the API as an OpenAPI document",
    load: async () => (await import("./raw.ts")).openapi as unknown as AnyCommand,
  },
  command(
    "completion",
    "Print what makes a shell complete skerry's commands and names",
    () => import("./completion.ts"),
  ),
  {
    words: "__complete",
    summary: "Say which words may come next",
    hidden: true,
    load: async () => (await import("./complete.ts")).completeWords,
  },
  command("version", "Show the version of this program", () => import("./version.ts")),
];
