// What stands above the columns on a wall: whose board it is, the time at the clinic, and how the connection is.
import { html, nothing, type TemplateResult } from 'lit';
import '../../../parts/connection.ts';

/** More sources than these are not named. */
const NAMES_MAX = 3;

export function drawWallHead(
  sources: readonly string[],
  now: number,
  zone: string | null,
  stale: number,
  columns: string | null,
): TemplateResult {
  const names = sources.length > NAMES_MAX ? `${sources.length} sources` : sources.join(', ');
  return html`<header class="wall-head">
    <h1>${names || 'Board'}</h1>
    ${stale > 0 ? html`<p>${stale.toLocaleString('en-US')} not heard of for long</p>` : nothing}
    ${columns ? html`<p>${columns}</p>` : nothing}
    <clockfold-connection></clockfold-connection>
    <time datetime=${new Date(now).toISOString()}>${timeWords(now, zone)}</time>
  </header>`;
}

/** A time of day, at the clinic where it is in one zone. */
export function timeWords(time: number, zone: string | null): string {
  return formatter(zone).format(time);
}

const formatters = new Map<string | null, Intl.DateTimeFormat>();

function formatter(zone: string | null): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-US', { hour: 'numeric', minute: '2-digit', ...(zone && { timeZone: zone }) });
    formatters.set(zone, found);
  }
  return found;
}
