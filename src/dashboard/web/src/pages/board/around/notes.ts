// What the board says in sentences: that it is empty and what to do, that a search found nothing, that its connection
// was lost, what came meanwhile.
import { html, nothing, type TemplateResult } from 'lit';
import { TOP } from '../../../base/address.ts';
import { prose } from '../../../text/prose.ts';
import { durationWords, countWords } from '../../../text/words.ts';
import { hrefOf } from '../cards/card.ts';
import { clearFilters } from '../model/filters.ts';

/** A search leads to at most so many sources' pages. */
const SOURCES_MAX = 5;

/** Nothing has arrived yet: how to send the first. */
export function drawEmpty(sources: readonly string[], hours: number): TemplateResult {
  const curl = `curl -sS ${TOP.href}webhook/ROUTE-KEY -H 'Content-Type: application/json' -d '{"appointment_id": 12345, "event_type": "create"}'`;
  return html`<section class="notice" aria-labelledby="empty">
    <h2 id="empty">No appointment is on the board</h2>
    <p>
      ${sources.length === 0
        ? 'No source is configured that you may see.'
        : html`No appointment of ${sources.length === 1 ? html`<code>${sources[0]}</code>` : `the ${sources.length} sources`} is
          open, and none has ended within ${countWords(hours, 'hour', 'hours')}.`}
      A card appears here as soon as a webhook arrives. Send one from a shell:
    </p>
    <pre><code>${curl}</code></pre>
    <p>
      <code>ROUTE-KEY</code> is one of <code>route_keys</code> of a <code>[[source]]</code> in the server's configuration; the very first
      start prints one. If a sender says that it sends, look at the answer that it gets: 404 means that it has another key.
    </p>
  </section>`;
}

/** No card is left by the filters. */
export function drawNothingFound(search: string, sources: readonly string[]): TemplateResult {
  return html`<section class="notice" aria-labelledby="nothing-found">
    <h2 id="nothing-found">${search ? html`No card with ${search} is listed` : html`No card is left by these filters`}</h2>
    ${search
      ? html`<p>
          It may be over for longer than the board shows.
          ${sources
            .slice(0, SOURCES_MAX)
            .map((source) => html` <a href=${hrefOf({ source, appointmentId: search })}>Look for ${search} in ${source}</a>.`)}
        </p>`
      : nothing}
    <p><button type="button" @click=${clearFilters}>Clear the filters</button></p>
  </section>`;
}

/** The connection is lost: what is shown is old. `why` is the server's word, where it has one. */
export function drawLost(since: number, now: number, clock: string, why: string | null): TemplateResult {
  return html`<p class="strip lost">
    <strong>Not live.</strong> ${why ? `The server says: ` : nothing}${why ? prose(`${why} `) : nothing}This is the board as of ${clock}<span aria-hidden="true"> (${durationWords(now - since)} ago)</span>. Nothing is lost: it
    catches up by itself once the server can be reached.
  </p>`;
}

/** The server has no answer for now. */
export function drawRefused(message: string): TemplateResult {
  return html`<p class="strip lost"><strong>Not live.</strong> The server says: ${prose(message)} The board is asked for again by itself.</p>`;
}

/** The server takes no WebSocket from this page, and tells why. */
export function drawSocketRefused(message: string): TemplateResult {
  return html`<p class="strip lost">
    <strong>The server refuses this page's WebSocket.</strong> It says: ${prose(message)} Until then the board moves by an event stream.
  </p>`;
}

/** What has changed while the connection was lost. */
export function drawCaughtUp(count: number): TemplateResult {
  return html`<p class="strip caught-up">
    Live again. ${count === 0 ? 'Nothing has changed meanwhile.' : `${countWords(count, 'appointment has', 'appointments have')} changed meanwhile.`}
  </p>`;
}
