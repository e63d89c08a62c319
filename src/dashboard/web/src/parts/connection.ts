// How the live connection is, in words: told to who looks, counting down, and to who listens, once a change.
import { html, nothing, type TemplateResult } from 'lit';
import { Element } from '../base/element.ts';
import { connection, reconnectNow } from '../server/live.ts';
import { Follow } from '../base/state.ts';

class ConnectionState extends Element {
  #counting: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    new Follow(this, connection);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#counting);
  }

  protected override render(): TemplateResult {
    const state = connection.value;
    clearInterval(this.#counting);
    if (state.is === 'waiting') this.#counting = setInterval(() => this.requestUpdate(), 1_000);
    const still = document.documentElement.classList.contains('tv');
    return html`<span
      class="connection"
      data-is=${state.is}
      data-via=${state.is === 'live' ? state.via : nothing}
      title=${state.is === 'live' && state.via === 'events' ? 'By an event stream: no WebSocket comes through to the server' : nothing}
      ><span class="dot" aria-hidden="true"></span>
      <span aria-hidden="true">${seen(state)}</span>
      <span class="unseen" role="status">${heard(state)}</span>
      ${state.is === 'waiting' && !still
        ? html`<button type="button" @click=${reconnectNow}>Try now</button>`
        : nothing}</span
    >`;
  }
}

type State = typeof connection.value;

function seen(state: State): string {
  if (state.is !== 'waiting') return heard(state);
  const seconds = Math.max(0, Math.ceil((state.retryAt - performance.now()) / 1_000));
  return seconds > 0 ? `Reconnecting in ${seconds} s` : 'Reconnecting…';
}

/** Without what changes each second. */
function heard(state: State): string {
  switch (state.is) {
    case 'idle':
      return '';
    case 'connecting':
      return 'Connecting…';
    case 'live':
      return 'Live';
    case 'waiting':
      return 'Connection lost, reconnecting';
    case 'signed-out':
      return 'Signed out';
  }
}

customElements.define('clockfold-connection', ConnectionState);
