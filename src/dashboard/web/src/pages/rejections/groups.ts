// How much was not applied, by source, code and event. In: the summary and what is chosen of it. Out: a table whose rows
// lead to their deliveries.
import { html, type TemplateResult } from 'lit';
import { outcomeBadge } from '../../parts/delivery.ts';
import { prose } from '../../text/prose.ts';
import { moment } from '../../text/times.ts';
import { countWords, eventWords } from '../../text/words.ts';
import type { Group, Summary, Wanted } from './data.ts';

export function drawGroups(
  { groups }: Summary,
  wanted: Wanted,
  zone: string,
  hrefOf: (parameters: Record<string, string>) => string,
): TemplateResult {
  const shown = groups.filter(
    ({ outcome, code }) => (!wanted.outcome || outcome === wanted.outcome) && (!wanted.code || code === wanted.code),
  );
  const count = shown.reduce((sum, group) => sum + group.count, 0);
  return html`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="amount">${countWords(count, 'delivery', 'deliveries')}</span></h2>
    ${shown.length === 0
      ? html`<p class="notice">Nothing of this kind arrived in this time.</p>`
      : html`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${shown.map((group) => drawGroup(group, zone, hrefOf))}
          </tbody>
        </table>`}
  </section>`;
}

function drawGroup(group: Group, zone: string, hrefOf: (parameters: Record<string, string>) => string): TemplateResult {
  const { source, outcome, code, eventType, count, firstReceivedAt, lastReceivedAt, explanation } = group;
  return html`<tr data-code=${code} data-event=${eventType ?? ''} data-source=${source}>
    <td class="number" data-label="Count">${count.toLocaleString('en-US')}</td>
    <td data-label="Source">${source}</td>
    <td class="why">
      <p class="what">
        <b>${eventType ? eventWords(eventType) : outcome === 'UNREADABLE' ? 'A body that can’t be read' : 'An event type that is not known'}</b>
        ${outcomeBadge(outcome)} <a href=${hrefOf({ source, code })}><code>${code}</code><span class="unseen"> of ${source} only</span></a>
      </p>
      <p>${prose(explanation)}</p>
    </td>
    <td class="times" data-label="First and last">${moment(firstReceivedAt, zone)}<br />${moment(lastReceivedAt, zone)}</td>
  </tr>`;
}
