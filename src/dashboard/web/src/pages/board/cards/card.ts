// One card: what an appointment is known by, how long it has been where it is, and whether that is long. A link to the
// appointment's page; on a wall display, where nothing can be clicked, the same words without the link.
import { html, nothing, type TemplateResult } from 'lit';
import { address } from '../../../base/address.ts';
import { durationWords, eventWords, type Place } from '../../../text/words.ts';
import type { Card } from '../model/board.ts';
import { waitOf, WAIT_WORDS, type Thresholds, type Wait } from '../model/waits.ts';
import { icon } from './icons.ts';

/** The height of a card and the space below it, in rem, and what more it takes; the style sheet has the same. */
const CARD_REM = 4;
const NUMBER_REM = 0.5;
const LONG_NUMBER_REM = 1.25;
const SOURCE_REM = 1.25;
/** What a number's digit takes at most, and what is beside a number on its line: the longest time and the margins. */
const DIGIT_REM = 0.7;
const BESIDE_REM = 7.75;
/** Numbers with more characters are written smaller. */
const LONG_NUMBER = 10;

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

/** How the cards of a list are laid out: all in the same way, so that each is as high as the others. */
export interface Shape {
  /** Whether a number has a line to itself, or two where it is long: it is never cut. */
  number: 'beside-time' | 'narrow' | 'narrow two-lines';
  /** The height of a card and the space below it, in pixels. */
  cardPx: number;
}

/** How many characters the longest number has. */
export function longestNumber(cards: readonly Card[]): number {
  return cards.reduce((longest, { appointmentId }) => Math.max(longest, appointmentId.length), 0);
}

export function shapeOf(longest: number, listPx: number, { showSource }: Manner): Shape {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const wide = listPx >= rem * (longest * DIGIT_REM + BESIDE_REM);
  const number = wide ? 'beside-time' : longest > LONG_NUMBER ? 'narrow two-lines' : 'narrow';
  const numberRem = { 'beside-time': 0, narrow: NUMBER_REM, 'narrow two-lines': LONG_NUMBER_REM }[number];
  return { number, cardPx: rem * (CARD_REM + numberRem + (showSource ? SOURCE_REM : 0)) };
}

export function drawCard(card: Card, place: Place, focusable: boolean, manner: Manner, { number }: Shape): TemplateResult {
  const wait = waitOf(card, place, manner);
  const kinds = [wait, number, manner.showSource && 'with-source', manner.isFresh(card.key) && 'fresh'];
  const narrow = number !== 'beside-time';
  const classes = ['card', ...kinds.filter(Boolean)].join(' ');
  return manner.links
    ? html`<a class=${classes} href=${hrefOf(card)} tabindex=${focusable ? 0 : -1} data-key=${card.key}
        >${words(card, wait, manner, narrow)}</a
      >`
    : html`<div class=${classes} data-key=${card.key}>${words(card, wait, manner, narrow)}</div>`;
}

export function hrefOf(card: { source: string; appointmentId: string }): string {
  return address(`appointment/${encodeURIComponent(card.source)}/${encodeURIComponent(card.appointmentId)}`);
}

function words(card: Card, wait: Wait, manner: Manner, narrow: boolean): TemplateResult {
  const long = card.appointmentId.length > LONG_NUMBER ? 'long-number' : '';
  const number = html`<span class="card-id ${long}">${card.appointmentId}</span>`;
  const time = html`<span class="card-time">${durationWords(manner.now - card.since)}</span>`;
  const event = html`<span class="card-event">${card.event ? eventWords(card.event) : 'Heard of'}</span>`;
  const flag =
    wait === 'usual' ? nothing : html`<span class="flag">${icon(wait)} <span>${WAIT_WORDS[wait]}</span></span>`;
  const source = manner.showSource ? html`<span class="card-source">${card.source}</span>` : nothing;
  return narrow
    ? html`${number} <span class="row">${time} ${flag}</span> ${event} ${source}`
    : html`<span class="row">${number} ${time}</span> <span class="row">${event} ${flag}</span> ${source}`;
}
