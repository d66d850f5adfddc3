/** A command in a container that runs, over a connection of its own. */
import { readFile } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type Docker from "dockerode";
import type { Exec, ExecPlan } from "../engine.ts";
import type { DockerCaller } from "./caller.ts";
import { type Frame, readFrames } from "./frames.ts";

/** @throws `not_found`, `conflict` (it does not run), as the caller. */
export async function execIn(caller: DockerCaller, id: string, plan: ExecPlan): Promise<Exec> {
  const { tty, command, columns, rows } = plan;
  const { exec, socket } = await caller.call("container", async (docker, late) => {
    const made = await docker.getContainer(id).exec({
      ...{ Cmd: [...command], Tty: tty, AttachStdin: true, AttachStdout: true, AttachStderr: true },
      ...(tty ? { Env: ["TERM=xterm-256color"] } : {}),
    });
    const begun = (await made.start({ hijack: true, stdin: true, Tty: tty })) as Duplex;
    // Nobody waits for it any more.
    if (late.aborted) giveUp(caller, id, made, begun);
    return { exec: made, socket: begun };
  });
  socket.on("error", () => undefined); // told to whoever reads
  const resize = async (width: number, height: number) => {
    await caller.call("command", () => exec.resize({ w: width, h: height }));
  };
  // The command may have ended already.
  if (columns !== undefined && rows !== undefined) await resize(columns, rows).catch(() => undefined);
  let isOver = false;
  return {
    output: tty ? plain(socket) : readFrames(socket),
    async write(bytes) {
      if (socket.destroyed || socket.writableEnded || socket.write(bytes)) return;
      await new Promise<void>((resolve) => {
        const done = () => {
          socket.off("drain", done).off("close", done);
          resolve();
        };
        socket.on("drain", done).on("close", done);
      });
    },
    endInput: () => void socket.end(),
    resize,
    async exitCode() {
      const { ExitCode, Running } = await caller.call("command", () => exec.inspect());
      if (Running) throw caller.gone(new Error("the connection to the command broke"));
      isOver = true;
      return ExitCode ?? 0;
    },
    [Symbol.dispose]() {
      // Whoever reads no more has closed the socket already: that says nothing of the command.
      if (!isOver) giveUp(caller, id, exec, socket);
      isOver = true;
    },
  };
}

/** Docker lets a command run on when nobody listens to it any more. */
function giveUp(caller: DockerCaller, container: string, exec: Docker.Exec, socket: Duplex): void {
  socket.on("error", () => undefined).destroy();
  void hangUp(caller, container, exec).catch(() => undefined);
}

/** Ends a command that still runs, by its id on this machine, when it is certain that it is one of this container. */
async function hangUp(caller: DockerCaller, container: string, exec: Docker.Exec): Promise<void> {
  const { Running, Pid } = await caller.call("command", () => exec.inspect());
  if (!Running || Pid === 0) return;
  const groups = await readFile(`/proc/${Pid}/cgroup`, "utf8");
  if (groups.includes(container)) process.kill(Pid, "SIGKILL");
}

/** A terminal has one stream. */
async function* plain(socket: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  for await (const bytes of socket) yield { stream: "stdout", bytes };
}
