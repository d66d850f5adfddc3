/** What a form asks the daemon: whether it may be so, to make it so, and how it is now. None of these rejects. */
import { isError, SkerryError, toSkerryError } from "@skerry/core/contract/errors.ts";
import type { Call } from "../screens/screen.ts";
import type { Form } from "./form.ts";

type MakeCall = (call: Call) => Promise<unknown>;

/** Shows what would change, when the daemon would take it. */
export async function checkForm(form: Form, call: MakeCall): Promise<"nothing" | undefined> {
  const draft = form.draft();
  if (draft === undefined) return undefined;
  const rehearsed = form.intent.call(draft, true);
  if (rehearsed === undefined) return "nothing";
  await tried(form, async () => {
    await call(rehearsed);
    form.show(draft);
  });
  return undefined;
}

/** Undefined: it was refused, and the form says why. */
export async function applyForm(form: Form, call: MakeCall): Promise<{ done: string; item: unknown } | undefined> {
  const draft = form.draft();
  const real = draft && form.intent.call(draft, false);
  if (draft === undefined || real === undefined) return undefined;
  return tried(form, async () => ({ item: await call(real), done: form.intent.done(draft) }));
}

/** Takes in what somebody else has changed meanwhile. */
export async function rereadForm(form: Form, call: MakeCall): Promise<void> {
  const { read, specOf } = form.intent;
  if (read !== undefined) await tried(form, async () => form.rebase(specOf(await call(read))));
}

async function tried<T>(form: Form, does: () => Promise<T>): Promise<T | undefined> {
  form.busy = true;
  try {
    return await does();
  } catch (thrown) {
    form.refuse(told(toSkerryError(thrown)));
    return undefined;
  } finally {
    form.busy = false;
  }
}

function told(error: SkerryError): SkerryError {
  if (!isError(error, "conflict/precondition")) return error;
  return new SkerryError("conflict/precondition", "Somebody else has changed it meanwhile.", {
    hint: "Ctrl-R takes that into the fields that you have not touched; what you have typed stays.",
  });
}
