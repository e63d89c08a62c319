// Appointments that staff seem to have forgotten: apart from the columns, counted, and listed when they are opened.
import { html, nothing, type TemplateResult } from 'lit';
import { countWords } from '../words.ts';
import type { Source } from '../session.ts';
import type { Manner } from './card.ts';
import type { Card } from './model.ts';

/** Says what they are, by the settings of the one source, or in general. */
export function drawStale(
  cards: readonly Card[],
  count: number,
  manner: Manner,
  sources: readonly Source[],
): TemplateResult | typeof nothing {
  if (count === 0) return nothing;
  const only = sources.length === 1 ? sources[0] : undefined;
  const after = only ? countWords(only.staleAfterHours, 'hour', 'hours') : "their source's stale_after_hours";
  const horizon = only ? countWords(only.bookingHorizonDays, 'day', 'days') : 'its booking_horizon_days';
  return html`<details class="stale">
    <summary>${countWords(count, 'appointment', 'appointments')} not heard of for long</summary>
    <p>
      Checked in, ready or called back without a delivery for ${after}, or scheduled without one for ${horizon}. Somebody may
      have forgotten to discharge or remove them; nothing is guessed.
    </p>
    <board-column
      .place=${'STALE'}
      .name=${'Not heard of for long'}
      .cards=${cards}
      .count=${count}
      .untold=${0}
      .filtered=${cards.length < count}
      .manner=${manner}
    ></board-column>
  </details>`;
}
