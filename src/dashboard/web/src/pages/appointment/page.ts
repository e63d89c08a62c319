// An appointment's page. In: its address, which says which appointment and, with `?at=`, which moment. Out: how it is or
// was, every delivery that names it, and what would come next. The moment is chosen by buttons, a slider, the arrow keys,
// or a link in the timeline, and is in the address.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { Element } from '../../base/element.ts';
import { zoneOf } from '../../server/facts.ts';
import { setParameters, type Route } from '../../routes/router.ts';
import '../../parts/page.css';
import './appointment.css';
import { drawMoment } from './moment.ts';
import { drawNext } from './next.ts';
import { AppointmentStore } from './store.ts';
import { drawTimeline } from './timeline.ts';

/** How often the time in status is told anew. */
const TICK_MS = 5_000;
/** Browsers take few changes of the address at a time: while a slider is pulled, it waits. */
const ADDRESS_MS = 150;

export class AppointmentPage extends Element {
  static override properties: PropertyDeclarations = { route: { attribute: false } };

  declare route: Route;

  #store: AppointmentStore | null = null;
  #of = '';
  #ticking: ReturnType<typeof setInterval> | undefined;
  #address: ReturnType<typeof setTimeout> | undefined;
  /** Whether the chosen delivery is to be brought into sight once it is drawn. */
  #seek = false;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ticking = setInterval(() => this.requestUpdate(), TICK_MS);
    addEventListener('keydown', this.#key);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#ticking);
    clearTimeout(this.#address);
    removeEventListener('keydown', this.#key);
    this.#store?.end();
    this.#store = null;
    this.#of = '';
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('route') && this.#store) return;
    clearTimeout(this.#address);
    const { source = '', id = '' } = this.route.parts;
    const asked = this.route.url.searchParams.get('at');
    const at = asked !== null && /^(0|[1-9]\d{0,18})$/.test(asked) ? asked : null;
    if (this.#of === `${source}/${id}` && this.#store) {
      if (this.#store.at !== at) void this.#store.choose(at);
      return;
    }
    this.#store?.end();
    this.#of = `${source}/${id}`;
    this.#store = new AppointmentStore({ source, id }, () => this.requestUpdate());
    this.#seek = at !== null;
    void this.#store.begin(at);
  }

  protected override render(): TemplateResult {
    const { source = '', id = '' } = this.route.parts;
    return html`<div class="page appointment-page">
      <h1 tabindex="-1"><span class="quiet">Appointment</span> ${id}</h1>
      ${this.#content(source)}
    </div>`;
  }

  #content(source: string): TemplateResult | typeof nothing {
    const store = this.#store;
    if (!store) return nothing;
    const error = store.error ? html`<p class="notice" role="alert">${store.error}</p>` : nothing;
    if (!store.now) return html`${error}${store.error ? nothing : html`<p class="quiet">Loading…</p>`}`;
    const { now } = store;
    const zone = zoneOf(now.facts, source);
    const facts = html`<p class="meta">
      Source <b>${source}</b> · times in ${zone} · lifecycle <code>${now.lifecycle.name}</code>
    </p>`;
    if (now.total === 0) {
      return html`${facts}${error}
        <p class="notice">No delivery of <code>${source}</code> names this appointment.</p>`;
    }
    return html`${facts}${error}
      ${store.deaf ? html`<p class="notice" role="alert">What arrives now is not shown: ${store.deaf}</p>` : nothing}
      <div class="appointment">
        <div class="aside">
          ${drawMoment(store, zone, this.#go)} ${drawNext(store, zone, (event) => void store.explain(event))}
        </div>
        ${drawTimeline(store, zone, this.#href, (page) => void store.turn(page))}
      </div>`;
  }

  protected override updated(): void {
    if (!this.#seek || this.#store?.waiting !== false || !this.#store.now) return;
    this.#seek = false;
    // Where the controls are above the timeline, stepping must not scroll them away.
    if (!matchMedia('(min-width: 56rem)').matches) return;
    // Not before the elements within have their height.
    requestAnimationFrame(() => this.querySelector('.timeline [aria-current]')?.scrollIntoView({ block: 'nearest' }));
  }

  /** Goes to a place in the history; the last one and what is beyond it is now. */
  #go = (index: number): void => {
    const store = this.#store;
    if (!store || store.steps.length === 0) return;
    const step = store.steps[Math.max(0, index)];
    const at = index >= store.steps.length - 1 || !step ? null : step.position;
    this.#seek = true;
    if (store.at !== at) void store.choose(at);
    clearTimeout(this.#address);
    this.#address = setTimeout(() => setParameters({ at }), ADDRESS_MS);
  };

  #href = (position: string): string => {
    const url = new URL(this.route.url);
    url.searchParams.set('at', position);
    return url.pathname + url.search;
  };

  #key = (event: KeyboardEvent): void => {
    const store = this.#store;
    if (!store?.now || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || event.shiftKey) return;
    // Fields have these keys for themselves: the slider too, which does the same by itself.
    if ((event.target as HTMLElement).closest?.('input, select, textarea, pre')) return;
    const to = { ArrowLeft: store.index - 1, ArrowRight: store.index + 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#go(to);
  };
}

customElements.define('clockfold-appointment', AppointmentPage);
