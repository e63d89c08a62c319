// How an appointment is at the chosen moment, and the controls that choose it. In: the store. Out: which place of the
// history is wanted next.
import { html, nothing, type TemplateResult } from 'lit';
import { serverClock } from '../../server/clock.ts';
import { minuteWords, moment } from '../../text/times.ts';
import { countWords, durationWords, eventWords, statusWords } from '../../text/words.ts';
import type { State } from './data.ts';
import type { AppointmentStore } from './store.ts';

/** The field that has a step's time. */
const TIMES = {
  CREATE: 'createdAt',
  CHECKIN: 'checkedInAt',
  READY: 'readyAt',
  CALLBACK: 'calledBackAt',
  DISCHARGE: 'dischargedAt',
  REMOVE: 'removedAt',
} as const satisfies Record<string, keyof State>;

export function drawMoment(store: AppointmentStore, zone: string, go: (index: number) => void): TemplateResult {
  const { at, index, steps, state } = store;
  const now = at === null;
  const beyond = isBeyond(store);
  return html`<section class="panel moment" aria-labelledby="moment-title" aria-busy=${store.waiting}>
    <h2 id="moment-title">${now || beyond ? 'Now' : 'As it was'}</h2>
    ${drawStepper(store, go)}
    <p class="where" role="status">
      ${now
        ? html`After all ${countWords(store.now?.total ?? 0, 'delivery', 'deliveries')}.`
        : beyond
          ? html`The log has no delivery ${at} yet: it ends at ${store.now?.position}. This is after all
              ${countWords(store.now?.total ?? 0, 'delivery', 'deliveries')}.`
        : html`After delivery ${at}${index >= 0 && steps[index]?.position === at
            ? html` <span class="quiet">(${index + 1 + store.unknown} of ${store.now?.total})</span>`
            : html` <span class="quiet">(of another appointment)</span>`}.`}
    </p>
    ${state === undefined ? html`<p class="quiet">…</p>` : state === null ? drawNone(store) : drawState(store, state, zone)}
  </section>`;
}

/** Whether the log ends before the chosen moment. */
function isBeyond({ at, now }: AppointmentStore): boolean {
  return at !== null && now !== null && BigInt(at) > BigInt(now.position);
}

function drawStepper(store: AppointmentStore, go: (index: number) => void): TemplateResult {
  const { index, steps, at } = store;
  const last = steps.length - 1;
  const button = (words: string, sign: string, to: number, disabled: boolean) =>
    html`<button type="button" class="step" title=${words} ?disabled=${disabled} @click=${() => go(to)}>
      <span aria-hidden="true">${sign}</span><span class="unseen">${words}</span>
    </button>`;
  return html`<div class="stepper" role="group" aria-label="Step through the deliveries">
    ${button('First delivery', '⇤', 0, last < 1 || (index <= 0 && at !== null))}
    ${button('Earlier delivery', '←', index - 1, index < 1)}
    <input
      type="range"
      min="0"
      max=${Math.max(0, last)}
      step="1"
      .value=${String(Math.max(0, index))}
      ?disabled=${last < 1}
      aria-label="Delivery"
      aria-valuetext=${at === null ? 'now' : `delivery ${at}, ${index + 1} of ${steps.length}`}
      @input=${(event: Event) => go(Number((event.target as HTMLInputElement).value))}
    />
    ${button('Later delivery', '→', index + 1, at === null)}
    <button type="button" class="step wide" ?disabled=${at === null} @click=${() => go(last)}>Now</button>
  </div>`;
}

function drawNone(store: AppointmentStore): TemplateResult {
  const { begins, name } = store.now?.lifecycle ?? { begins: [], name: '' };
  const never = store.now?.state === null;
  return html`<p class="status-line"><span class="status" data-status="NONE">No appointment</span></p>
    <p>
      ${never ? 'No delivery has brought it into being' : 'No delivery had brought it into being by then'}: under
      <code>${name}</code> an appointment begins with ${begins.length > 0 ? begins.map(eventCode) : 'no event'}.
      ${never ? 'The timeline tells why each one was not applied.' : nothing}
    </p>`;
}

function drawState(store: AppointmentStore, state: State, zone: string): TemplateResult {
  const { at, index } = store;
  const step = at === null ? null : store.shown.find(({ position }) => position === store.steps[index]?.position);
  const until = at === null || isBeyond(store) ? serverClock.now() : step ? Date.parse(step.receivedAt) : null;
  const since = Date.parse(state.statusSince);
  const details = [
    state.rescheduleCount > 0 && countWords(state.rescheduleCount, 'reschedule', 'reschedules'),
    state.demographicsUpdateCount > 0 && countWords(state.demographicsUpdateCount, 'change of details', 'changes of details'),
  ].filter((one) => one !== false);
  return html`<p class="status-line">
      <span class="status" data-status=${state.status}>${statusWords(state.status)}</span>
      ${until === null ? nothing : html`<span class="lasting">for ${durationWords(Math.max(0, until - since))}</span>`}
    </p>
    <p class="quiet">Since ${moment(state.statusSince, zone)}</p>
    <h3>What stands</h3>
    ${state.standing.length === 0
      ? html`<p class="quiet">No step.</p>`
      : html`<ol class="standing">
          ${state.standing.map((event) => {
            const time = state[TIMES[event as keyof typeof TIMES]];
            return html`<li>
              <span>${eventWords(event)}</span>
              ${time ? html`<time class="quiet" datetime=${time} title=${time}>${minuteWords(Date.parse(time), zone)}</time>` : nothing}
            </li>`;
          })}
        </ol>`}
    ${details.length > 0 ? html`<p class="quiet">${details.join(', ')}</p>` : nothing}`;
}

function eventCode(event: string, index: number): TemplateResult {
  return html`${index > 0 ? ', ' : ''}<code>${event.toLowerCase()}</code>`;
}
