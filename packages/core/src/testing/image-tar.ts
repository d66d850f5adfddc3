/** Images as `docker save` writes them, made of what a test says: also of lies. */
import { createHash } from "node:crypto";
import { pack } from "tar-stream";

/** A tar of these files. */
export async function tarOf(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const output = pack();
  for (const [name, content] of Object.entries(files)) output.entry({ name }, content as string);
  output.finalize();
  return Buffer.concat(await Array.fromAsync(output as AsyncIterable<Buffer>));
}

export interface ImageLayer {
  readonly content: Buffer;
  /** SHA-256 (hex) of the content, as the config tells it. Default: the truth. */
  readonly digest?: string;
}

export function digestOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

export function imageTar(tag: string, layers: readonly ImageLayer[] = []): Promise<Buffer> {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const told = layers.map(({ content, digest = digestOf(content) }) => `sha256:${digest}`);
  const config = { architecture, os: "linux", config: {}, rootfs: { type: "layers", diff_ids: told } };
  const names = layers.map((_, i) => `${i}.tar`);
  return tarOf({
    "manifest.json": JSON.stringify([{ Config: "config.json", RepoTags: [tag], Layers: names }]),
    "config.json": JSON.stringify(config),
    ...Object.fromEntries(layers.map(({ content }, i) => [`${i}.tar`, content])),
  });
}
