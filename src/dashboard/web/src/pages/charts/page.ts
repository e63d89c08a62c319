// Charts of patient flow. In: the address, which has the stretch of time, the source and the length of a step. Out: four
// charts. A stretch that ends now is asked for again every minute.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { againMs } from '../../server/again.ts';
import { serverClock } from '../../server/clock.ts';
import { Element } from '../../base/element.ts';
import { loadFacts, zoneOf, type Facts } from '../../server/facts.ts';
import { RequestError, wordsOf } from '../../server/graphql.ts';
import { drawChoice, drawRange, rangeOf, type Range } from '../../parts/range.ts';
import type { Route } from '../../routes/router.ts';
import './chart.ts';
import '../../parts/page.css';
import './charts.css';
import { BUCKETS_MAX, loadFlow, type Bucket, type Interval, type Wanted } from './data.ts';
import { charts, type Chart } from './model.ts';

const EVERY_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Up to so many hours, a step is an hour where the address does not say. */
const HOURS_USUAL = 8 * 24;

export class ChartsPage extends Element {
  static override properties: PropertyDeclarations = { route: { attribute: false } };

  declare route: Route;

  #facts: Facts | null = null;
  #range: Range | null = null;
  #wanted: Wanted | null = null;
  #charts: Chart[] | null = null;
  #error: string | null = null;
  #loading = false;
  #asking = new AbortController();
  #regularly: ReturnType<typeof setInterval> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  /** How often in a row the server had no answer for the moment. */
  #inVain = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#regularly = setInterval(() => {
      if (!document.hidden && this.#range?.name !== 'own' && !this.#loading) void this.#load();
    }, EVERY_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#regularly);
    clearTimeout(this.#again);
    this.#asking.abort();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('route')) void this.#load();
  }

  protected override render(): TemplateResult {
    return html`<div class="page charts-page">
      <h1 tabindex="-1">Charts</h1>
      ${this.#facts && this.#range && this.#wanted ? this.#content(this.#facts, this.#range, this.#wanted) : nothing}
      ${this.#error ? html`<p class="notice" role="alert">${this.#error}</p>` : nothing}
      ${this.#facts || this.#error ? nothing : html`<p class="quiet">Loading…</p>`}
    </div>`;
  }

  #content(facts: Facts, range: Range, { source, zone, interval }: Wanted): TemplateResult {
    const sources = facts.sources.map(({ name }) => [name, name] as const);
    const steps = [['hour', 'hour'], ['day', 'day']] as const;
    const asked = this.route.url.searchParams.get('by');
    return html`<form class="asked" aria-label="What is shown" @submit=${(event: Event) => event.preventDefault()}>
        ${drawRange(range, zone)} ${drawChoice('source', 'Source', 'all sources', sources, source)}
        ${drawChoice('by', 'By', `automatic (${interval.toLowerCase()})`, steps, asked)}
      </form>
      <p class="meta" role="status">
        Hours and days of ${zone}${facts.sources.length > 1 && source === null && zone === 'UTC' ? ', because the sources are in several time zones' : ''}.${this.#loading ? ' Loading…' : ''}
      </p>
      ${range.error ? html`<p class="notice" role="alert">${range.error}</p>` : nothing}
      <div class="charts">
        ${this.#charts?.map(
          (chart) => html`<flow-chart .chart=${chart} .zone=${zone} .interval=${interval} .source=${source}></flow-chart>`,
        ) ?? nothing}
      </div>`;
  }

  async #load(): Promise<void> {
    clearTimeout(this.#again);
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#loading = true;
    this.requestUpdate();
    try {
      const facts = this.#facts ?? (await loadFacts());
      const { searchParams } = this.route.url;
      const source = searchParams.get('source');
      const zone = zoneOf(facts, source);
      const range = rangeOf(this.route.url, zone, serverClock.now(), 'today');
      const wanted: Wanted = { source, from: range.from, to: range.to, zone, interval: intervalOf(range, searchParams.get('by')) };
      const buckets: Bucket[] | null = range.error ? null : await loadFlow(wanted, signal);
      if (signal.aborted) return;
      [this.#facts, this.#range, this.#wanted, this.#charts] = [facts, range, wanted, buckets && charts(buckets)];
      [this.#error, this.#inVain] = [null, 0];
    } catch (error) {
      if (signal.aborted) return;
      this.#error = wordsOf(error);
      if (error instanceof RequestError && error.passes) this.#again = setTimeout(() => void this.#load(), againMs(this.#inVain++));
      this.#charts = null;
    }
    this.#loading = false;
    this.requestUpdate();
  }
}

function intervalOf({ from, to }: Range, asked: string | null): Interval {
  const hours = (to - from) / HOUR_MS;
  if (hours > BUCKETS_MAX - 2) return 'DAY';
  if (asked === 'hour' || asked === 'day') return asked === 'hour' ? 'HOUR' : 'DAY';
  return hours <= HOURS_USUAL ? 'HOUR' : 'DAY';
}

customElements.define('clockfold-charts', ChartsPage);
