/** What a row of the permission matrix changes, made for that row alone. */
import { sessionRoutes } from "@skerry/core/contract/api/session.ts";
import { tokenRoutes } from "@skerry/core/contract/api/token.ts";
import {
  bind,
  type Cast,
  makeBucket,
  makeCertificate,
  makeContainer,
  makeIpList,
  makeNetwork,
  makeObject,
  makeRoute,
  makeTwin,
  makeUpstream,
  makeVolume,
  type Person,
  personOf,
  type Row,
  type Subject,
} from "./matrix-cast.ts";

/** A row that is to be carried out, and a name that nothing has yet. */
export interface Stage {
  readonly cast: Cast;
  readonly row: Row;
  readonly subject: Subject;
  readonly made: string;
}

/** What the row changes, made for it alone; `bearer` when it is the principal itself. */
export type Fresh = Partial<Subject & Pick<Person, "bearer">>;

export async function freshUser({ cast, row, made }: Stage): Promise<Fresh> {
  const itself = row.target === "self" || row.target === row.principal;
  const { client: _, bearer, ...subject } = await makeTwin(cast, itself ? row.principal : row.target, made);
  return itself ? { ...subject, bearer } : subject;
}

export async function freshSession({ cast: { cluster, people }, row }: Stage): Promise<Fresh> {
  const { user, password } = personOf(people, row.principal);
  const { token } = await cluster.client().call(sessionRoutes.create, { body: { name: user, password } });
  const { credential } = await cluster.client(token).call(sessionRoutes.whoami);
  return { session: credential?.uid ?? "" };
}

export async function freshToken({ cast: { people }, row, made }: Stage): Promise<Fresh> {
  await personOf(people, row.principal).client.call(tokenRoutes.create, { body: { name: made } });
  return { token: made };
}

export async function freshMember({ cast, made }: Stage): Promise<Fresh> {
  await cast.cluster.user(made);
  return { binding: made };
}

export async function freshBinding(stage: Stage): Promise<Fresh> {
  const fresh = await freshMember(stage);
  await bind(stage.cast.cluster, stage.subject.project, stage.made, "viewer");
  return fresh;
}

export async function freshBucket({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeBucket(cast.cluster, { ...subject, bucket: made });
  return { bucket: made };
}

export async function freshRoute({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeRoute(cast.cluster, { ...subject, route: made });
  return { route: made };
}

export async function freshContainer({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeContainer(cast.cluster, subject.project, made);
  return { container: made };
}

export async function freshNetwork({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeNetwork(cast.cluster, subject.project, made);
  return { network: made };
}

export async function freshVolume({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeVolume(cast.cluster, subject.project, made);
  return { volume: made };
}

export async function freshCertificate({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeCertificate(cast.cluster, subject.project, made);
  return { certificate: made };
}

export async function freshUpstream({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeUpstream(cast.cluster, subject.project, made);
  return { upstream: made };
}

export async function freshIpList({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeIpList(cast.cluster, subject.project, made);
  return { ipList: made };
}

export async function freshImage({ cast, subject, made }: Stage): Promise<Fresh> {
  cast.cluster.engine.tags.set(`skerry/${subject.projectUid}/${made}:latest`, `sha256:${"2".repeat(64)}`);
  return { image: made };
}

export async function freshObject({ cast, subject, made }: Stage): Promise<Fresh> {
  await makeObject(cast.cluster, { ...subject, key: made });
  return { key: made };
}
