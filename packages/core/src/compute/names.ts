/** How the engine's things show that they are ours. What lacks our cluster's label is never touched. */
export const CLUSTER_LABEL = "skerry.cluster";
export const UID_LABEL = "skerry.uid";
export const PROJECT_LABEL = "skerry.project";

/** Interfaces of all projects' networks begin so: the firewall's rules go by it. */
export const BRIDGE_PREFIX = "sk-";

export function volumeName(project: string, name: string): string {
  return `skerry-${project}-${name}`;
}

/** Repository of a project's own images. */
export function projectRepository(project: string): string {
  return `skerry/${project}/`;
}
