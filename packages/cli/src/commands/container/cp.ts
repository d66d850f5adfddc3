import { open } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { containerRoutes } from "@skerry/core/contract/api/container.ts";
import { SkerryError } from "@skerry/core/contract/errors.ts";
import { takeFile, tarOfFile } from "@skerry/core/contract/one-file-tar.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import { plainText } from "../../output/escape.ts";
import { writeAll } from "../../output/terminal.ts";
import { Directory } from "../../transfer/directory.ts";
import { localError } from "../../transfer/local-error.ts";
import { holdTarget } from "../../transfer/safe-path.ts";
import { resolveTarget } from "../../transfer/save-object.ts";
import { createTemporary } from "../../transfer/temporary.ts";
import { defineCommand, type Invocation } from "../command.ts";

interface InContainer {
  readonly container: string;
  readonly path: string;
}

export default defineCommand({
  usage: "FROM TO",
  args: [2, 2],
  takesProject: true,
  options: { raw: { type: "boolean", describe: "With - on a terminal: bytes as they are, control characters too" } },
  example: "container cp site.conf web:/etc/",
  more: [
    ["container cp web:/etc/site.conf .", "and back"],
    ["container cp web:/etc/site.conf -", "to standard output"],
  ],
  details:
    "One place is CONTAINER:/path, the other a file here; TO may be - for standard output. TO that ends with a slash, or is a folder here, means 'into': " +
    "the name is kept. The container need not run. Files that come into it belong to its root.",
  async run(invocation, { args: [from = "", to = ""], flags }) {
    const [source, target] = [parseInside(from), parseInside(to)];
    if (flags.raw && to !== "-") {
      throw new SkerryError("invalid", "--raw is about - on a terminal.", { hint: "Leave it out." });
    }
    if (source !== undefined && to === "-") await print(invocation, source, flags.raw);
    else if (source === undefined && target !== undefined) await copyIn(invocation, from, target);
    else if (source !== undefined && target === undefined) await copyOut(invocation, source, to);
    else {
      throw new SkerryError("invalid", "Exactly one of the two places is in a container.", {
        hint: "A place in a container looks like CONTAINER:/path; a file here whose name does is written ./a:/b.",
      });
    }
  },
});

/** `web:/etc/motd`; undefined for a place here. */
function parseInside(text: string): InContainer | undefined {
  const [, container, path] = /^([a-z0-9][a-z0-9-]{0,62}):(\/.*)$/s.exec(text) ?? [];
  return container === undefined || path === undefined ? undefined : { container, path };
}

async function copyIn(invocation: Invocation, path: string, { container, path: inside }: InContainer): Promise<void> {
  const { signal, output } = invocation;
  if (path === "-") {
    throw new SkerryError("invalid", "What comes from standard input has no size, which a copy needs.", {
      hint: `Write it there: skerry exec ${container} -- tee ${inside.endsWith("/") ? `${inside}NAME` : inside}`,
    });
  }
  const into = inside.endsWith("/");
  const name = into ? basename(path) : posix.basename(inside);
  const folder = into ? inside.replace(/(?<=.)\/+$/, "") : posix.dirname(inside);
  const client = await invocation.client();
  await using handle = await open(path).catch((error: unknown) => {
    throw localError(error, path);
  });
  const found = await handle.stat();
  if (!found.isFile()) {
    throw new SkerryError("invalid", `${path} is no plain file.`, {
      hint: `A folder goes as a tar: tar -c ${path} | skerry exec ${container} -- tar -x -C ${folder}`,
    });
  }
  const bytes = tarOfFile({
    ...{ name, sizeBytes: found.size, mode: found.mode & 0o777, modifiedMs: found.mtimeMs },
    bytes: handle.createReadStream({ autoClose: false, highWaterMark: LIMITS.cli.readBytes }),
  });
  const query = { path: folder, ...(await projectOf(invocation)) };
  const copied = await client.upload(containerRoutes.writeFiles, { params: { name: container }, query, bytes, signal });
  await output.done("file", `${container}:${posix.join(folder, name)}`, "written", copied);
}

async function copyOut(invocation: Invocation, { container, path }: InContainer, to: string): Promise<void> {
  const { output } = invocation;
  const place = await targetFor(path, to);
  let sizeBytes = 0;
  await takeFile(await download(invocation, { container, path }), async (file) => {
    await using directory = await Directory.open(dirname(place));
    await using target = await holdTarget(directory, [basename(place)]);
    await using temporary = await createTemporary(target, file.mode);
    for await (const part of file.bytes) {
      await temporary.handle.writev([part]);
      sizeBytes += part.length;
    }
    if (sizeBytes !== file.sizeBytes) throw brokeOff({ container, path });
    await temporary.commit();
  });
  await output.done("file", place, "written", { path: place, sizeBytes });
}

/** To standard output, which belongs to the bytes; a terminal gets no control characters unless that is asked for. */
async function print(invocation: Invocation, from: InContainer, raw: boolean): Promise<void> {
  const { stdout } = invocation.terminal;
  const decoder = stdout.isTTY && !raw ? new TextDecoder() : undefined;
  await takeFile(await download(invocation, from), async ({ bytes, sizeBytes }) => {
    let printedBytes = 0;
    for await (const part of bytes) {
      await writeAll(stdout, decoder === undefined ? part : plainText(decoder.decode(part, { stream: true })));
      printedBytes += part.length;
    }
    if (printedBytes !== sizeBytes) throw brokeOff(from);
  });
}

async function download(invocation: Invocation, { container, path }: InContainer): Promise<AsyncIterable<Uint8Array>> {
  const { signal } = invocation;
  const client = await invocation.client();
  const query = { path: path.replace(/(?<=.)\/+$/, ""), ...(await projectOf(invocation)) };
  const params = { name: container };
  return (await client.download(containerRoutes.readFiles, { params, query, signal })).body;
}

function brokeOff({ container, path }: InContainer): SkerryError {
  return new SkerryError("unavailable", `${container}:${path} broke off.`);
}

/** What a container calls its file is a name here only when it leads nowhere else. */
async function targetFor(path: string, to: string): Promise<string> {
  const found = await resolveTarget(to.endsWith("/") ? join(to, ".") : to);
  if (found.kind === "special") throw new SkerryError("invalid", `${to} is no plain file.`);
  if (found.kind === "file") return found.path;
  const name = posix.basename(path);
  if (name !== "" && name !== "." && name !== "..") return join(found.path, name);
  throw new SkerryError("invalid", `${path} has no name for a file here.`, { hint: "Name the file that it becomes." });
}

async function projectOf(invocation: Invocation): Promise<{ project?: string }> {
  const project = await invocation.project();
  return project === undefined ? {} : { project };
}
