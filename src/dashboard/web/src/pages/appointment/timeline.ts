// Every delivery that names the appointment, oldest first, a page at a time. In: the store. Out: which page is wanted;
// which moment is chosen by a link. What came after the chosen moment is told to be later, by words and line.
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { arrival, body, outcomeBadge, remarks, saidWords, statusChange, type Delivery } from '../../parts/delivery.ts';
import { prose } from '../../text/prose.ts';
import { countWords } from '../../text/words.ts';
import { TIMELINE_PAGE, type AppointmentStore } from './store.ts';

export function drawTimeline(
  store: AppointmentStore,
  zone: string,
  hrefOf: (position: string) => string,
  turn: (page: number) => void,
): TemplateResult {
  const { now, shown, unknown } = store;
  const isAdmin = now?.facts.isAdmin ?? false;
  return html`<section class="history" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline <span class="amount">${countWords(now?.total ?? 0, 'delivery', 'deliveries')}</span></h2>
    ${isAdmin ? nothing : html`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    ${drawPager(store, turn)}
    ${unknown > 0 && store.page === 0
      ? html`<p class="quiet">${countWords(unknown, 'earlier delivery is', 'earlier deliveries are')} not listed here; GraphQL has them.</p>`
      : nothing}
    <ol class="timeline">
      ${repeat(
        shown,
        ({ position }) => position,
        (delivery) => drawDelivery(store, delivery, zone, hrefOf, isAdmin),
      )}
    </ol>
    ${shown.length > 20 ? drawPager(store, turn) : nothing}
  </section>`;
}

function drawDelivery(
  store: AppointmentStore,
  delivery: Delivery,
  zone: string,
  hrefOf: (position: string) => string,
  isAdmin: boolean,
): TemplateResult {
  const chosen = store.at !== null && store.steps[store.index]?.position === delivery.position;
  const later = store.at !== null && BigInt(delivery.position) > BigInt(store.at);
  return html`<li
    class="delivery ${later ? 'later' : ''}"
    data-outcome=${delivery.outcome}
    data-position=${delivery.position}
    aria-current=${chosen ? 'step' : nothing}
  >
    <p class="what">
      <span class="said">${saidWords(delivery)}</span> ${outcomeBadge(delivery.outcome)}
      ${delivery.code ? html`<code>${delivery.code}</code>` : nothing}
      ${later ? html`<span class="tag">later</span>` : nothing}
      <a class="to" href=${hrefOf(delivery.position)}
        ><span class="unseen">As it was after </span>delivery ${delivery.position}</a
      >
    </p>
    <p class="when">${arrival(delivery, zone)} ${statusChange(delivery)}</p>
    ${delivery.reason ? html`<p class="reason">${prose(delivery.reason)}</p>` : nothing}
    ${remarks(delivery, hrefOf).map((remark) => html`<p class="remark">${remark}</p>`)}
    ${delivery.deliveryId ? html`<p class="quiet">Sender’s id <code>${delivery.deliveryId}</code></p>` : nothing}
    ${body(delivery, isAdmin)}
  </li>`;
}

function drawPager({ page, pages, steps, unknown }: AppointmentStore, turn: (page: number) => void): TemplateResult | typeof nothing {
  if (pages < 2) return nothing;
  const first = page * TIMELINE_PAGE + 1 + unknown;
  const last = Math.min(steps.length, (page + 1) * TIMELINE_PAGE) + unknown;
  return html`<nav class="pager" aria-label="Pages of the timeline">
    <button type="button" ?disabled=${page === 0} @click=${() => turn(page - 1)}>Earlier</button>
    <span>${first}–${last} of ${steps.length + unknown}</span>
    <button type="button" ?disabled=${page === pages - 1} @click=${() => turn(page + 1)}>Later</button>
  </nav>`;
}
