/** The state of the app, and what each key makes of it. It draws nothing, and calls through the hooks. */
import type { Client } from "@skerry/core/contract/client/client.ts";
import { toSkerryError } from "@skerry/core/contract/errors.ts";
import { LIMITS } from "@skerry/core/contract/terms.ts";
import type { Tone } from "../components/line.ts";
import { makeCall } from "../hooks/call.ts";
import { Changes } from "../hooks/changes.ts";
import { Cluster } from "../hooks/cluster.ts";
import { RouteReport } from "../hooks/route-report.ts";
import { untilRow } from "../hooks/settled.ts";
import { isText } from "../keys/names.ts";
import { type Action, actionFor, keySign, type Mode } from "../keys/registry.ts";
import type { Call, Intent, Paragraph, Row, Screen } from "../screens/screen.ts";
import { Form } from "./form.ts";
import { applyForm, checkForm, rereadForm } from "./form-calls.ts";
import { LogView } from "./log-view.ts";
import { answerOf, ask, edited, eraseFrom, type Question, stepped, typeInto, unasked } from "./question.ts";
import { Stack } from "./stack.ts";
import type { View } from "./view.ts";

/** While something counts seconds, and while only ages grow. */
const FAST_TICK_MS = 1000;
const SLOW_TICK_MS = 10_000;

/** Lines to read instead of the rows. */
export interface Reading {
  readonly what: "help" | "cloud" | "detail" | "answer" | "route";
  /** Of the detail. */
  readonly id?: string;
  /** Of an answer, or a route. */
  readonly title?: string;
  readonly paragraphs?: readonly Paragraph[];
  readonly report?: RouteReport;
  top: number;
}

export interface AppOptions {
  readonly client: Client;
  /** Its name, for the first line. */
  readonly context: string;
  readonly nowMs: () => number;
  /** Those with a number. */
  readonly screens: readonly Screen[];
  /** The user wants to leave. */
  readonly quit: () => void;
}

export class App implements Disposable {
  readonly options: AppOptions;
  readonly changes = new Changes(LIMITS.tui.frameMs);
  readonly cluster: Cluster;
  readonly #stack: Stack;
  readonly #ended = new AbortController();
  #tick: NodeJS.Timeout | undefined;
  /** Of the storage, as they were told last. */
  #totals: string | undefined;
  filtering = false;
  /** The beginning of a screen's name. */
  going: string | undefined;
  /** Hands the terminal over, and takes it back. Set by what draws. */
  runCommand: (words: readonly string[]) => Promise<number> = () => Promise.resolve(0);
  reading: Reading | undefined;
  log: LogView | undefined;
  question: Question | undefined;
  form: Form | undefined;
  message: { readonly tone: Tone; readonly text: string } | undefined;
  /** Set while it is drawn: lines of text that fit, and that there are. */
  textPage = 1;
  textLines = 0;

  constructor(options: AppOptions) {
    const { client, nowMs, screens } = options;
    this.options = options;
    this.cluster = new Cluster(client, nowMs);
    this.#stack = new Stack({ client, nowMs, screens, changed: (view) => this.#viewChanged(view) });
    this.cluster.changes.subscribe(() => {
      this.#followTotals();
      this.#changed();
    });
    this.#changed();
  }

  get view(): View {
    return this.#stack.view;
  }

  /** Place of the lowest screen among those with a tab, and how many lie on one another. */
  get place(): { readonly root: number; readonly depth: number } {
    return this.#stack;
  }

  get mode(): Mode {
    if (this.question !== undefined) return "question";
    // Help, while a form is open.
    if (this.reading !== undefined) return "text";
    if (this.form !== undefined) return "form";
    if (this.going !== undefined) return "goto";
    if (this.filtering) return "filter";
    return this.log === undefined ? "list" : "log";
  }

  /** Screens whose name begins so, then those that hold it. */
  get candidates(): readonly Screen[] {
    const wanted = (this.going ?? "").trim().toLowerCase();
    const names = (screen: Screen) => [screen.title.toLowerCase(), screen.id];
    const { screens } = this.options;
    const begins = screens.filter((screen) => names(screen).some((name) => name.startsWith(wanted)));
    const holds = screens.filter((screen) => names(screen).some((name) => name.includes(wanted)));
    return [...new Set([...begins, ...holds])];
  }

  /** One key, by its name. */
  key(key: string): void {
    const action = actionFor(this.mode, key);
    if (this.question?.busy && action !== "quit") return;
    this.message = undefined;
    if (action === "quit") {
      this.options.quit();
      return;
    }
    if (this.question !== undefined) this.#answer(this.question, action, key);
    else if (this.reading !== undefined) this.#read(this.reading, action);
    else if (this.form !== undefined) void this.#fillIn(this.form, action, key);
    else if (this.going !== undefined) this.#go(this.going, action, key);
    else if (this.filtering) this.#filter(action, key);
    else if (this.log !== undefined) this.#readLog(this.log, action);
    else this.#list(action, key);
    this.#changed();
    this.changes.noteNow();
  }

  #list(action: Action | undefined, key: string): void {
    const { view } = this;
    const stack = this.#stack;
    if (this.#move(view, action)) return;
    if (action === "screen") stack.goTo(Number(key) - 1);
    else if (action === "next-screen") stack.turn(1);
    else if (action === "previous-screen") stack.turn(-1);
    else if (action === "back") stack.back();
    else if (action === "goto") this.going = "";
    else if (action === "filter") this.filtering = true;
    else if (action === "sort") view.sortNext();
    else if (action === "reverse") view.sortReverse();
    else if (action === "refresh") void this.#refresh();
    else if (action === "help") this.reading = { what: "help", top: 0 };
    else if (action === "problems") this.reading = { what: "cloud", top: 0 };
    else if (action === "detail") this.#follow({ kind: "detail" });
    else if (action === "enter") this.#follow(view.chosen === undefined ? undefined : view.screen.enter(view.chosen));
    else this.#screenKey(view, key);
  }

  /** What does nothing says so: the same key may do something on another screen, or with another row. */
  #screenKey({ screen, chosen }: View, key: string): void {
    const found = screen.keys.find((one) => one.key === key);
    const intent = found?.intent(chosen);
    if (intent !== undefined) this.#follow(intent);
    else if (found !== undefined) {
      const text = `${key} (${found.does}) ${chosen === undefined ? "needs a row, and there is none" : "is not for this row"}.`;
      this.message = { tone: "warn", text };
    } else if (isText(key)) {
      this.message = { tone: "warn", text: `${screen.title} has no key ${keySign(key)}. ? shows the keys.` };
    }
  }

  #move(view: View, action: Action | undefined): boolean {
    if (action === "up") view.move(-1);
    else if (action === "down") view.move(1);
    else if (action === "page-up") view.movePages(-1);
    else if (action === "page-down") view.movePages(1);
    else if (action === "first") {
      view.pause(false);
      view.to(0);
    } else if (action === "last") view.move(Number.MAX_SAFE_INTEGER);
    else return false;
    return true;
  }

  #follow(intent: Intent | undefined): void {
    if (intent === undefined) return;
    const { chosen, screen } = this.view;
    if (intent.kind === "open") {
      this.#stack.open(intent.screen);
      if (intent.filter !== undefined) this.view.choose({ filter: intent.filter });
    } else if (intent.kind === "pause") this.view.pause();
    else if (intent.kind === "filter") this.view.choose({ filter: intent.change(this.view.filter) });
    else if (intent.kind === "log") {
      this.log = new LogView(intent.title, intent.source, this.options.client, this.options.nowMs);
      this.log.log.changes.subscribe(() => this.#changed());
    } else if (intent.kind === "call") void this.#callNow(intent, this.view);
    else if (intent.kind === "command") void this.#command(intent.words);
    else if (intent.kind === "form") this.form = new Form(intent);
    else if (intent.kind === "route") this.#openRoute(intent.name, intent.project);
    else if (intent.kind !== "detail") this.question = ask(intent);
    else if (chosen !== undefined) {
      this.view.pause(true);
      this.reading = { what: "detail", id: screen.idOf(chosen), top: 0 };
    }
  }

  #openRoute(name: string, project: string): void {
    const report = new RouteReport(this.options.client, name, project);
    report.changes.subscribe(() => this.#changed());
    this.reading = { what: "route", title: `route ${name}`, report, top: 0 };
  }

  #closeReading(): void {
    this.reading?.report?.[Symbol.dispose]();
    this.reading = undefined;
  }

  #go(going: string, action: Action | undefined, key: string): void {
    if (action === "erase") this.going = eraseFrom(going);
    else if (action === "clear") this.going = "";
    else if (action === undefined) this.going = typeInto(going, key);
    else this.going = undefined;
    if (action !== "accept") return;
    this.going = going;
    const [screen] = this.candidates;
    this.going = undefined;
    if (screen === undefined) this.message = { tone: "warn", text: `There is no screen ${going}.` };
    else this.#stack.goTo(this.options.screens.indexOf(screen));
  }

  #filter(action: Action | undefined, key: string): void {
    const shown = this.log ?? this.view;
    if (this.log === undefined && this.#move(this.view, action)) return;
    if (action === "accept") this.filtering = false;
    else if (action === "cancel") {
      this.filtering = false;
      shown.choose({ filter: "" });
    } else if (action === "erase") shown.choose({ filter: eraseFrom(shown.filter) });
    else if (action === "clear") shown.choose({ filter: "" });
    else shown.choose({ filter: typeInto(shown.filter, key) });
  }

  #readLog(log: LogView, action: Action | undefined): void {
    if (action === "filter") this.filtering = true;
    else if (action === "help") this.reading = { what: "help", top: 0 };
    else if (action !== "back") log.act(action);
    else if (log.filter !== "") log.choose({ filter: "" });
    else this.#closeLog();
  }

  #closeLog(): void {
    this.log?.[Symbol.dispose]();
    this.log = undefined;
  }

  #read(reading: Reading, action: Action | undefined): void {
    const { textPage } = this;
    const by = { up: -1, down: 1, "page-up": -textPage, "page-down": textPage, first: -Infinity, last: Infinity };
    if (action === "back") this.#closeReading();
    else if (action !== undefined && action in by) {
      const wanted = reading.top + by[action as keyof typeof by];
      reading.top = Math.max(0, Math.min(wanted, this.textLines - textPage));
    }
  }

  #answer(question: Question, action: Action | undefined, key: string): void {
    if (action === "cancel") this.question = question.sure === undefined ? undefined : unasked(question);
    else if (action === "accept") void this.#do(question);
    else this.question = edited(question, action, key);
  }

  async #do(question: Question): Promise<void> {
    const { view } = this;
    const next = stepped(question);
    if (next !== undefined) {
      this.question = next;
      return;
    }
    const answer = answerOf(question);
    if (answer === undefined) return;
    this.question = { ...question, busy: true };
    try {
      const made = (await this.#call(answer.call)) as Row;
      this.question = undefined;
      const { intent } = question;
      if (intent.kind === "prompt" && intent.shows !== undefined) {
        this.reading = { what: "answer", title: answer.done, paragraphs: intent.shows(made), top: 0 };
        this.#changed();
        return;
      }
      this.message = { tone: "good", text: answer.done };
      if (intent.kind === "prompt" && intent.changes !== true) view.awaitId(view.screen.idOf(made));
      await view.collection.refresh();
      this.cluster.ask();
    } catch (error) {
      this.question = { ...unasked(question), problem: toSkerryError(error) };
    }
    this.#changed();
  }

  async #fillIn(form: Form, action: Action | undefined, key: string): Promise<void> {
    const { view } = this;
    const wish = form.act(action, key);
    if (form.leaving) this.message = { tone: "warn", text: "Esc once more gives up what was typed." };
    if (wish === "leave") this.form = undefined;
    if (wish === "help") this.reading = { what: "help", top: 0 };
    if (wish === undefined || wish === "leave" || wish === "help") return;
    const call = (one: Call) => {
      this.#changed();
      return this.#call(one);
    };
    if (wish === "reread") await rereadForm(form, call);
    else if (wish === "check") {
      if ((await checkForm(form, call)) === "nothing") this.message = { tone: "warn", text: "Nothing would change." };
    } else {
      const made = await applyForm(form, call);
      if (made !== undefined) {
        this.form = undefined;
        this.message = { tone: "good", text: made.done };
        // What is changed is there already, and may be of another screen.
        if (form.intent.before === undefined) view.awaitId(view.screen.idOf(made.item as Row));
        await view.collection.refresh();
        this.cluster.ask();
      }
    }
    this.#changed();
  }

  #call(call: Call): Promise<unknown> {
    return makeCall(this.options.client, call, this.#ended.signal);
  }

  async #callNow({ call, done, then }: Extract<Intent, { kind: "call" }>, view: View): Promise<void> {
    const { chosen, screen } = view;
    try {
      await this.#call(call);
      this.message = { tone: "good", text: done };
      this.#changed();
      if (then === undefined || chosen === undefined) return;
      const { client, nowMs } = this.options;
      const { source, idOf } = screen;
      await untilRow<Row>({ client, source, idOf, nowMs }, idOf(chosen), then.when, this.#ended.signal);
      await this.#call(then.call);
      this.message = { tone: "good", text: then.done };
    } catch (error) {
      this.message = { tone: "bad", text: toSkerryError(error).message };
    }
    this.#changed();
  }

  async #command(words: readonly string[]): Promise<void> {
    const status = await this.runCommand(words);
    this.message = { tone: status === 0 ? "faint" : "warn", text: `${words[0]} ended with ${status}` };
    this.#changed();
  }

  async #refresh(): Promise<void> {
    this.cluster.ask();
    await this.view.collection.refresh();
    this.message = { tone: "faint", text: "as of now" };
    this.#changed();
  }

  #followTotals(): void {
    const { objects, sizeBytes } = this.cluster.status?.storage ?? {};
    const totals = objects === undefined ? undefined : `${objects} ${sizeBytes}`;
    if (totals === undefined || totals === this.#totals) return;
    if (this.#totals !== undefined && this.view.screen.followsTotals) void this.view.collection.refresh();
    this.#totals = totals;
  }

  /** What a list tells may be in the numbers of the first line, too. */
  #viewChanged(view: View): void {
    if (view.collection.phase.state === "live") this.cluster.ask();
    this.#changed();
  }

  #changed(): void {
    if (this.#ended.signal.aborted) return;
    clearTimeout(this.#tick);
    const counts = this.cluster.link.state === "stale" || this.view.collection.phase.state === "stale";
    this.#tick = setTimeout(() => this.#changed(), counts ? FAST_TICK_MS : SLOW_TICK_MS);
    this.changes.note();
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
    clearTimeout(this.#tick);
    this.#closeLog();
    this.#closeReading();
    this.#stack[Symbol.dispose]();
    this.cluster[Symbol.dispose]();
    this.changes[Symbol.dispose]();
  }
}
