// The deliveries that were not applied, newest first, as far as they have been asked for.
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { address } from '../../base/address.ts';
import { arrival, body, outcomeBadge, remarks, saidWords, statusChange, type Delivery } from '../../parts/delivery.ts';
import type { Facts } from '../../server/facts.ts';
import { prose } from '../../text/prose.ts';
import type { DeliveryPage } from './data.ts';

export function drawList(
  pages: DeliveryPage[],
  facts: Facts,
  zone: string,
  loading: boolean,
  older: () => void,
): TemplateResult | typeof nothing {
  const deliveries = pages.flatMap((page) => page.deliveries);
  if (deliveries.length === 0) return nothing;
  return html`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="amount">newest first</span></h2>
    ${facts.isAdmin ? nothing : html`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${repeat(
        deliveries,
        ({ position }) => position,
        (delivery) => drawDelivery(delivery, facts, zone),
      )}
    </ol>
    ${pages.at(-1)?.older
      ? html`<button type="button" class="older" ?disabled=${loading} @click=${older}>Show older deliveries</button>`
      : html`<p class="quiet">These are all.</p>`}
  </section>`;
}

function drawDelivery(delivery: Delivery, facts: Facts, zone: string): TemplateResult {
  const { source, appointmentId, position, code, reason } = delivery;
  const page = appointmentId && address(`appointment/${encodeURIComponent(source)}/${encodeURIComponent(appointmentId)}`);
  return html`<li class="panel delivery" data-position=${position} data-outcome=${delivery.outcome}>
    <p class="what">
      <span class="said">${saidWords(delivery)}</span> ${outcomeBadge(delivery.outcome)}
      ${code ? html`<code>${code}</code>` : nothing}
      <span class="to">${source} · delivery ${position}</span>
    </p>
    <p class="when">${arrival(delivery, zone)} ${appointmentId ? statusChange(delivery) : nothing}</p>
    ${reason ? html`<p class="reason">${prose(reason)}</p>` : nothing}
    ${page ? remarks(delivery, (at) => `${page}?at=${at}`).map((remark) => html`<p class="remark">${remark}</p>`) : nothing}
    ${page
      ? html`<p><a href="${page}?at=${position}">Appointment ${appointmentId} after it</a></p>`
      : html`<p class="quiet">It names no appointment.</p>`}
    ${body(delivery, facts.isAdmin)}
  </li>`;
}
