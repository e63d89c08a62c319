// One card: what an appointment is known by, how long it has been where it is, and whether that is long. A link to the
// appointment's page; on a wall display, where nothing can be clicked, the same words without the link.
import { html, nothing, type TemplateResult } from 'lit';
import { durationWords, eventWords, type Place } from '../words.ts';
import type { Card } from './model.ts';
import { waitOf, WAIT_WORDS, type Thresholds, type Wait } from './waits.ts';
import { icon } from './icons.ts';

/** The height of a card and the space below it, in rem, without and with its source; the style sheet has the same. */
const CARD_REM = 4;
const CARD_WITH_SOURCE_REM = 5.25;

/** What the cards of a board have in common. */
export interface Manner {
  /** The server's time. */
  now: number;
  thresholds: Thresholds;
  /** Whether cards name their source: that takes a line. */
  showSource: boolean;
  /** Whether cards lead to their appointment's page. */
  links: boolean;
  isFresh: (key: string) => boolean;
}

export function drawCard(card: Card, place: Place, focusable: boolean, manner: Manner): TemplateResult {
  const wait = waitOf(card, place, manner);
  const classes = `card ${wait} ${manner.showSource ? 'tall' : ''} ${manner.isFresh(card.key) ? 'fresh' : ''}`;
  return manner.links
    ? html`<a class=${classes} href=${hrefOf(card)} tabindex=${focusable ? 0 : -1} data-key=${card.key}
        >${words(card, wait, manner)}</a
      >`
    : html`<div class=${classes} data-key=${card.key}>${words(card, wait, manner)}</div>`;
}

/** The height of a card and the space below it, in pixels. */
export function cardPx({ showSource }: Manner): number {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  return rem * (showSource ? CARD_WITH_SOURCE_REM : CARD_REM);
}

export function hrefOf(card: { source: string; appointmentId: string }): string {
  return `/appointment/${encodeURIComponent(card.source)}/${encodeURIComponent(card.appointmentId)}`;
}

function words(card: Card, wait: Wait, manner: Manner): TemplateResult {
  const flag =
    wait === 'usual' ? nothing : html`<span class="flag">${icon(wait)} <span>${WAIT_WORDS[wait]}</span></span>`;
  return html`<span class="row"
      ><span class="card-id">${card.appointmentId}</span>
      <span class="card-time">${durationWords(manner.now - card.since)}</span></span
    >
    <span class="row"><span class="card-event">${card.event ? eventWords(card.event) : 'Heard of'}</span> ${flag}</span>
    ${manner.showSource ? html`<span class="card-source">${card.source}</span>` : nothing}`;
}
