import { readFile } from "node:fs/promises";
import { SkerryError } from "@skerry/core/contract/errors.ts";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The accounts of this machine's own file. @throws `not_found` */
export async function findAccount(by: { name: string } | { uid: number }, passwd = "/etc/passwd"): Promise<Account> {
  const text = await readFile(passwd, "utf8").catch(() => "");
  for (const line of text.split("\n")) {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    if ("name" in by ? name === by.name : Number(uid) === by.uid && uid !== "") {
      return { name, uid: Number(uid), gid: Number(gid) };
    }
  }
  const who = "name" in by ? by.name : `with uid ${by.uid}`;
  throw new SkerryError("not_found", `There is no user ${who} on this machine.`, {
    hint: "Make one: useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin skerry",
  });
}
