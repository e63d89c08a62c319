// What was rejected, unrecognized or unreadable. In: the address, which has the stretch of time, source, outcome and code.
// Out: how much of what, what it means, which setting would mend it, and the deliveries themselves, newest first.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { againMs } from '../../server/again.ts';
import { serverClock } from '../../server/clock.ts';
import { Element } from '../../base/element.ts';
import { loadFacts, zoneOf, type Facts } from '../../server/facts.ts';
import { RequestError, wordsOf } from '../../server/graphql.ts';
import { drawChoice, drawRange, rangeOf, type Range } from '../../parts/range.ts';
import type { Route } from '../../routes/router.ts';
import { outcomeWords } from '../../parts/delivery.ts';
import { drawAdvice } from './advice.ts';
import { CODES, loadPage, loadSummary, OUTCOMES, type DeliveryPage, type Summary, type Wanted } from './data.ts';
import { drawGroups } from './groups.ts';
import { drawList } from './list.ts';
import '../../parts/page.css';
import './rejections.css';

/** The server's clock is known to the second. */
const AHEAD_MS = 5_000;

export class RejectionsPage extends Element {
  static override properties: PropertyDeclarations = { route: { attribute: false } };

  declare route: Route;

  #facts: Facts | null = null;
  #wanted: Wanted | null = null;
  #range: Range | null = null;
  #summary: Summary | null = null;
  #pages: DeliveryPage[] = [];
  #error: string | null = null;
  #loading = false;
  #asking = new AbortController();
  #again: ReturnType<typeof setTimeout> | undefined;
  /** How often in a row the server had no answer for the moment. */
  #inVain = 0;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#again);
    this.#asking.abort();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('route')) void this.#load();
  }

  protected override render(): TemplateResult {
    return html`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#facts && this.#range && this.#wanted ? this.#content(this.#facts, this.#range, this.#wanted) : nothing}
      ${this.#error ? html`<p class="notice" role="alert">${this.#error}</p>` : nothing}
      ${this.#facts || this.#error ? nothing : html`<p class="quiet">Loading…</p>`}
    </div>`;
  }

  #content(facts: Facts, range: Range, wanted: Wanted): TemplateResult {
    const zone = zoneOf(facts, wanted.source);
    const summary = this.#summary;
    const sources = facts.sources.map(({ name }) => [name, name] as const);
    return html`<form class="asked" aria-label="What is shown" @submit=${(event: Event) => event.preventDefault()}>
        ${drawRange(range, zone)} ${drawChoice('source', 'Source', 'all sources', sources, wanted.source)}
        ${drawChoice('outcome', 'Outcome', 'all three', OUTCOMES.map((outcome) => [outcome, outcomeWords(outcome)]), wanted.outcome)}
        ${drawChoice('code', 'Code', 'all codes', CODES.map((code) => [code, code]), wanted.code)}
        <button type="button" @click=${() => void this.#load()} ?disabled=${this.#loading}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${zone}.${this.#loading ? ' Loading…' : nothing}</p>
      ${range.error ? html`<p class="notice" role="alert">${range.error}</p>` : nothing}
      ${summary
        ? html`${summary.advice.map((advice) => drawAdvice(advice))} ${drawGroups(summary, wanted, zone, this.#href)}
            ${drawList(this.#pages, facts, zone, this.#loading, () => void this.#older())}`
        : nothing}`;
  }

  /** The address with other filters. */
  #href = (parameters: Record<string, string>): string => {
    const url = new URL(this.route.url);
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.pathname + url.search;
  };

  async #load(): Promise<void> {
    clearTimeout(this.#again);
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    await this.#try(signal, async () => {
      const facts = this.#facts ?? (await loadFacts());
      const parameter = (name: string) => this.route.url.searchParams.get(name);
      const source = parameter('source');
      const now = serverClock.now();
      const range = rangeOf(this.route.url, zoneOf(facts, source), now, '24h');
      // Up to now means: also what has arrived by the server's clock.
      const to = range.name === 'own' ? range.to : now + AHEAD_MS;
      const wanted = { source, outcome: parameter('outcome'), code: parameter('code'), from: range.from, to };
      [this.#facts, this.#range, this.#wanted] = [facts, range, wanted];
      if (range.error) {
        [this.#summary, this.#pages] = [null, []];
        return;
      }
      this.requestUpdate();
      const [summary, page] = await Promise.all([loadSummary(wanted, signal), loadPage(wanted, null, signal)]);
      if (!signal.aborted) [this.#summary, this.#pages] = [summary, [page]];
    });
  }

  async #older(): Promise<void> {
    const [before, wanted, { signal }] = [this.#pages.at(-1)?.older, this.#wanted, this.#asking];
    if (!before || !wanted || this.#loading) return;
    await this.#try(signal, async () => {
      const page = await loadPage(wanted, before, signal);
      if (!signal.aborted) this.#pages = [...this.#pages, page];
    });
  }

  async #try(signal: AbortSignal, what: () => Promise<void>): Promise<void> {
    this.#loading = true;
    this.requestUpdate();
    try {
      await what();
      if (!signal.aborted) [this.#error, this.#inVain] = [null, 0];
    } catch (error) {
      if (signal.aborted) return;
      this.#error = wordsOf(error);
      if (error instanceof RequestError && error.passes) this.#again = setTimeout(() => void this.#load(), againMs(this.#inVain++));
      [this.#summary, this.#pages] = [null, []];
    }
    if (signal.aborted) return;
    this.#loading = false;
    this.requestUpdate();
  }
}

customElements.define('clockfold-rejections', RejectionsPage);
