// What the lifecycle would do next at the chosen moment: the events that it would apply, and what would become of one
// that somebody chooses. In: the store. Out: which event is asked about.
import { html, nothing, type TemplateResult } from 'lit';
import { outcomeBadge } from '../../parts/delivery.ts';
import { prose } from '../../text/prose.ts';
import { moment } from '../../text/times.ts';
import { EVENTS, eventWords, statusWords } from '../../text/words.ts';
import type { AppointmentStore } from './store.ts';

export function drawNext(
  store: AppointmentStore,
  zone: string,
  ask: (event: string | null) => void,
): TemplateResult | typeof nothing {
  const { state } = store;
  if (!state) return nothing;
  return html`<section class="panel next" aria-labelledby="next-title">
    <h2 id="next-title">What could come next</h2>
    ${state.allowedEvents.length === 0
      ? html`<p class="quiet">Nothing would be applied.</p>`
      : html`<ul class="allowed">
          ${state.allowedEvents.map(
            (event) =>
              html`<li>
                <button type="button" class="chip" aria-pressed=${store.explained === event} @click=${() => ask(store.explained === event ? null : event)}>
                  ${eventWords(event)}
                </button>
              </li>`,
          )}
        </ul>`}
    <label class="field"
      ><span>What would become of</span>
      <select @change=${(event: Event) => ask((event.target as HTMLSelectElement).value || null)}>
        <option value="" ?selected=${store.explained === null}>choose an event</option>
        ${EVENTS.map(
          (event) =>
            html`<option value=${event} .selected=${store.explained === event}>${event.toLowerCase()}</option>`,
        )}
      </select></label
    >
    <div class="forecast" role="status">${drawForecast(store, zone)}</div>
  </section>`;
}

function drawForecast(store: AppointmentStore, zone: string): TemplateResult | typeof nothing {
  const { explanation } = store;
  if (explanation === null) return nothing;
  if (explanation === 'asking') return html`<p class="quiet">…</p>`;
  const { outcome, code, reason, statusAfter, letsIn, late, reconsideredUntil } = explanation;
  return html`<p>${outcomeBadge(outcome)} ${code ? html`<code>${code}</code>` : nothing}</p>
    <p>${prose(reason)}</p>
    <p class="quiet">
      The appointment would be ${statusWords(statusAfter)} then.
      ${late ? 'It would be put before deliveries that have been applied already.' : nothing}
      ${letsIn.length > 0 ? html`It would let in what waits: ${letsIn.join(', ')}.` : nothing}
      ${reconsideredUntil ? html`It would wait until ${moment(reconsideredUntil, zone)}.` : nothing}
    </p>`;
}
