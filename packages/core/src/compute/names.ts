/** How the engine's things show that they are ours. What lacks our cluster's label is never touched. */
import type { Container } from "../domain/compute.ts";

export const CLUSTER_LABEL = "skerry.cluster";
export const UID_LABEL = "skerry.uid";
export const PROJECT_LABEL = "skerry.project";

/** Interfaces of all projects' networks begin so: the firewall's rules go by it. */
export const BRIDGE_PREFIX = "sk-";

export function volumeName(project: string, name: string): string {
  return `skerry-${project}-${name}`;
}

/** Which network of a project a container joins. */
export interface NetworkRef {
  readonly project: string;
  /** Absent: the one that each project has. */
  readonly name?: string | undefined;
  /** Of the network; of the project for the one that each has. */
  readonly uid: string;
}

export function networkOf({ meta, spec }: Pick<Container, "meta" | "spec">): NetworkRef {
  return { project: meta.project, name: spec.network, uid: spec.networkUid ?? meta.project };
}

export function networkName({ project, name }: NetworkRef): string {
  return name === undefined ? `skerry-${project}` : `skerry-${project}-${name}`;
}

/** Names of interfaces have 15 characters at most: 60 of the uid's 130 random bits. */
export function bridgeName(uid: string): string {
  return `${BRIDGE_PREFIX}${uid.slice(0, 15 - BRIDGE_PREFIX.length)}`;
}

/** Repository of a project's own images. */
export function projectRepository(project: string): string {
  return `skerry/${project}/`;
}
