// A delivery as pages show it: what is asked of the API, and the parts that the timeline and the list of rejections
// have in common. Outcomes are told by words and shape as well as by colour.
import { html, nothing, svg, type TemplateResult } from 'lit';
import './delivery-body.ts';
import { moment, utcWords } from '../text/times.ts';
import { eventWords, statusWords, type Status } from '../text/words.ts';

export type Outcome = 'APPLIED' | 'DUPLICATE' | 'REJECTED' | 'UNRECOGNIZED' | 'UNREADABLE';

export interface Delivery {
  id: string;
  position: string;
  receivedAt: string;
  source: string;
  appointmentId: string | null;
  eventType: string | null;
  rawEventType: string | null;
  deliveryId: string | null;
  conflictsWith: string | null;
  outcome: Outcome;
  outcomeAtArrival: Outcome;
  code: string | null;
  reason: string | null;
  late: boolean;
  appliedAt: string | null;
  reconsideredUntil: string | null;
  statusBefore: Status | null;
  statusAfter: Status | null;
  bodyErased: boolean;
}

/** Everything of a delivery but its body, which is asked for when somebody opens it. */
export const DELIVERY = `fragment Delivery on Delivery {
  id position receivedAt source appointmentId eventType rawEventType deliveryId conflictsWith outcome outcomeAtArrival
  code reason late appliedAt reconsideredUntil statusBefore statusAfter bodyErased
}`;

const OUTCOME_WORDS: Record<Outcome, string> = {
  APPLIED: 'Applied',
  DUPLICATE: 'Duplicate',
  REJECTED: 'Rejected',
  UNRECOGNIZED: 'Unrecognized',
  UNREADABLE: 'Unreadable',
};

/** One shape an outcome: a tick, two bars, a cross, a question mark, a broken sheet. */
const OUTCOME_SHAPES: Record<Outcome, TemplateResult> = {
  APPLIED: svg`<path d="m3.5 8.5 3 3 6-7" />`,
  DUPLICATE: svg`<path d="M4 6h8M4 10h8" />`,
  REJECTED: svg`<path d="m4.5 4.5 7 7m0-7-7 7" />`,
  UNRECOGNIZED: svg`<path d="M5.5 6a2.5 2.5 0 1 1 3.6 2.2Q8 8.8 8 10M8 12.4v.1" />`,
  UNREADABLE: svg`<path d="M4 2.5h8v5l-2-1-2 2-2-2-2 1ZM4 11l2-1 2 2 2-2 2 1v2.5H4Z" />`,
};

export function outcomeWords(outcome: Outcome): string {
  return OUTCOME_WORDS[outcome];
}

export function outcomeBadge(outcome: Outcome): TemplateResult {
  return html`<span class="outcome" data-outcome=${outcome}
    ><svg class="icon" viewBox="0 0 16 16" aria-hidden="true">${OUTCOME_SHAPES[outcome]}</svg
    >${OUTCOME_WORDS[outcome]}</span
  >`;
}

/** What it said, in words; as it was sent where that is no event that is known. */
export function saidWords({ eventType, rawEventType }: Pick<Delivery, 'eventType' | 'rawEventType'>): TemplateResult {
  if (eventType) return html`${eventWords(eventType)}`;
  if (rawEventType === null) return html`A body that can’t be read`;
  return html`<q class="raw">${rawEventType === '' ? 'an empty event type' : rawEventType}</q>`;
}

/** The status before and after it. */
export function statusChange({ statusBefore, statusAfter }: Delivery): TemplateResult {
  const words = (status: Status | null) => (status ? statusWords(status) : 'No appointment');
  if (statusBefore === statusAfter) {
    return html`<span class="statuses">${words(statusAfter)}<span class="quiet">, unchanged</span></span>`;
  }
  return html`<span class="statuses"
    >${words(statusBefore)} <span aria-hidden="true">→</span><span class="unseen">became</span> <b>${words(statusAfter)}</b></span
  >`;
}

/** What came to it later, or out of its turn; nothing for most. */
export function remarks(delivery: Delivery, hrefOf: (position: string) => string): TemplateResult[] {
  const at = (position: string) => html`<a href=${hrefOf(position)}>delivery ${position}</a>`;
  const said: (TemplateResult | false)[] = [
    delivery.appliedAt !== null &&
      html`Rejected when it arrived, and let in by ${at(delivery.appliedAt)} within the reorder window.`,
    delivery.appliedAt === null &&
      delivery.outcomeAtArrival !== delivery.outcome &&
      html`${outcomeWords(delivery.outcomeAtArrival)} when it arrived.`,
    delivery.late && html`It had been overtaken, and was put before deliveries that had been applied already.`,
    delivery.conflictsWith !== null && html`Its sender used the same id for ${at(delivery.conflictsWith)}, with another body.`,
  ];
  return said.filter((one) => one !== false);
}

/** When it arrived: on the source's clock, and exactly. */
export function arrival(delivery: Delivery, zone: string): TemplateResult {
  return html`${moment(delivery.receivedAt, zone)} <span class="quiet exact">${utcWords(delivery.receivedAt)}</span>`;
}

/** Its raw body, for who may read it. */
export function body(delivery: Delivery, isAdmin: boolean): TemplateResult | typeof nothing {
  if (!isAdmin) return nothing;
  return html`<delivery-body .delivery=${delivery.id} .position=${delivery.position} .erased=${delivery.bodyErased}></delivery-body>`;
}
