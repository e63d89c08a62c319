// One chart with its legend, its plot, what is under the cursor, its table and its file. In: figures. The cursor moves by
// pointer and by keyboard: the plot is a slider over the steps, whose value is read out.
import { html, nothing, svg, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { csv, save } from '../../text/csv.ts';
import { Element } from '../../base/element.ts';
import { theme } from '../../base/theme.ts';
import type { Interval } from './data.ts';
import { columnWords, figure, isEmpty, rows, type Chart } from './model.ts';
import { DASHES, Plot, SHAPES, type Shape } from './plot.ts';
import { stepWords } from './steps.ts';

class FlowChart extends Element {
  static override properties: PropertyDeclarations = {
    chart: { attribute: false },
    zone: { attribute: false },
    interval: { attribute: false },
    source: { attribute: false },
  };

  declare chart: Chart;
  declare zone: string;
  declare interval: Interval;
  declare source: string | null;

  #plot: Plot | null = null;
  #place: HTMLElement | null = null;
  /** The step under the cursor. */
  #index: number | null = null;
  /** The step under the cursor stays as it is. */
  #kept = false;
  #tableOpen = false;
  #unfollow = () => {};
  readonly #dark = matchMedia('(prefers-color-scheme: dark)');
  /** The next frame has the other colours; the cursor's points have theirs from the beginning. */
  readonly #redraw = () =>
    requestAnimationFrame(() => {
      this.#drop();
      this.requestUpdate();
    });
  readonly #sizes = new ResizeObserver(() => this.#plot?.resize(this.#place?.clientWidth ?? 0));

  override connectedCallback(): void {
    super.connectedCallback();
    this.#dark.addEventListener('change', this.#redraw);
    this.#unfollow = theme.follow(this.#redraw);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#dark.removeEventListener('change', this.#redraw);
    this.#unfollow();
    this.#drop();
  }

  protected override render(): TemplateResult {
    const { chart } = this;
    const id = `chart-${chart.id}`;
    return html`<section class="panel chart" aria-labelledby=${id} data-chart=${chart.id}>
      <h2 id=${id}>${chart.title}</h2>
      <p class="quiet">${chart.note}</p>
      ${isEmpty(chart)
        ? html`<p class="notice">${chart.empty}</p>`
        : html`<ul class="legend" role="list">
              ${chart.series.map((series, index) => html`<li class="series" data-series=${index}>${sample(index)} <span>${series.words}</span></li>`)}
            </ul>
            ${this.#slider()}
            <p class="readout">${this.#readout()}</p>`}
      <div class="tools">
        <button type="button" class="small" aria-expanded=${this.#tableOpen} aria-controls="${id}-table" @click=${this.#toggle}>
          Table<span class="unseen"> of ${chart.title}</span>
        </button>
        <button type="button" class="small" @click=${this.#save}>Save as CSV<span class="unseen">: ${chart.title}</span></button>
      </div>
      <div id="${id}-table" class="table-scroll" ?hidden=${!this.#tableOpen}>${this.#tableOpen ? this.#table() : nothing}</div>
    </section>`;
  }

  #slider(): TemplateResult {
    const { chart } = this;
    const last = chart.from.length - 1;
    return html`<div
      class="plot"
      role="slider"
      tabindex="0"
      aria-label="${chart.title}: time"
      aria-orientation="horizontal"
      aria-valuemin="0"
      aria-valuemax=${last}
      aria-valuenow=${this.#index ?? last}
      aria-valuetext=${this.#said(this.#index ?? last)}
      @keydown=${this.#key}
      @focus=${() => this.#point(this.#index ?? last)}
    ></div>`;
  }

  #readout(): TemplateResult | string {
    if (this.#index === null) return html`<span class="quiet">Point at the chart, or focus it and use the arrow keys.</span>`;
    return this.#said(this.#index);
  }

  #said(index: number): string {
    const { chart, interval, zone } = this;
    const values = chart.series.map(({ words, values }) => {
      const value = values[index] ?? null;
      return `${words} ${figure(value, chart)}${value === null || !chart.unit ? '' : ` ${chart.unit}`}`;
    });
    return `${stepWords(chart.from[index] ?? 0, chart.to[index] ?? 0, interval, zone)}: ${values.join(', ')}`;
  }

  #table(): TemplateResult {
    const { chart, interval, zone } = this;
    return html`<table tabindex="0">
      <caption class="unseen">
        ${chart.title}
      </caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          ${chart.series.map((series) => html`<th scope="col" class="number">${columnWords(series, chart)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${chart.from.map(
          (from, index) =>
            html`<tr>
              <th scope="row"><time datetime=${new Date(from).toISOString()}>${stepWords(from, chart.to[index] ?? from, interval, zone)}</time></th>
              ${chart.series.map(({ values }) => html`<td class="number">${figure(values[index] ?? null, chart)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const place = this.querySelector<HTMLElement>('.plot');
    if (!place || place !== this.#place || changed.has('zone')) this.#drop();
    if (place && !this.#plot) {
      this.#place = place;
      this.#plot = new Plot(place, this.chart, this.zone, this.#colours(place), (index) => this.#pointed(index));
      this.#sizes.observe(place);
      this.#keep();
    } else if (changed.has('chart')) {
      this.#plot?.show(this.chart);
      this.#keep();
    }
  }

  /** As the style sheet has them at the moment of drawing. */
  #colours(place: HTMLElement) {
    const of = (selector: string, property: 'color' | 'borderTopColor' | 'backgroundColor') => () => {
      const element = this.querySelector(selector) ?? place;
      return getComputedStyle(element)[property];
    };
    return {
      series: (index: number) => of(`[data-series='${index}']`, 'color')(),
      text: of('.chart > .quiet', 'color'),
      grid: of('.panel', 'borderTopColor'),
      ground: of('.panel', 'backgroundColor'),
    };
  }

  /** Has the cursor stay on its step while the plot is drawn anew: that takes until the next frame. */
  #keep(): void {
    const index = this.#index;
    if (index === null) return;
    this.#kept = true;
    requestAnimationFrame(() => {
      this.#kept = false;
      this.#point(index);
    });
  }

  #pointed(index: number | null): void {
    if (this.#kept) return;
    if (index === this.#index || index === null) return;
    this.#index = index;
    this.requestUpdate();
  }

  #point(index: number): void {
    this.#index = Math.min(this.chart.from.length - 1, Math.max(0, index));
    this.#plot?.point(this.#index);
    this.requestUpdate();
  }

  #key = (event: KeyboardEvent): void => {
    const last = this.chart.from.length - 1;
    const index = this.#index ?? last;
    const day = this.interval === 'HOUR' ? 24 : 7;
    const to = {
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      PageUp: index - day,
      PageDown: index + day,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#point(to);
  };

  #toggle = (): void => {
    this.#tableOpen = !this.#tableOpen;
    this.requestUpdate();
  };

  #save = (): void => {
    const { chart, source, zone } = this;
    const day = new Date(chart.from[0] ?? 0).toISOString().slice(0, 10);
    save(csv(rows(chart, source, zone)), `clockfold-${chart.id}-${source ?? 'all'}-${day}.csv`);
  };

  #drop(): void {
    this.#sizes.disconnect();
    this.#plot?.end();
    [this.#plot, this.#place] = [null, null];
  }
}

/** A piece of a series' line: its colour, its dash, its marker. */
function sample(index: number): TemplateResult {
  const shapes: Record<Shape, TemplateResult> = {
    circle: svg`<circle cx="18" cy="7" r="3.6" />`,
    square: svg`<path d="M14.6 3.6h6.8v6.8h-6.8Z" />`,
    triangle: svg`<path d="m18 2.6 4.2 7.9h-8.4Z" />`,
    diamond: svg`<path d="m18 2 5 5-5 5-5-5Z" />`,
  };
  return html`<svg class="sample" viewBox="0 0 36 14" width="36" height="14" aria-hidden="true">
    <path d="M0 7h36" stroke="currentColor" stroke-width="2" stroke-dasharray=${(DASHES[index] ?? []).join(' ') || 'none'} />
    <g class=${index % 2 === 0 ? 'filled' : 'hollow'}>${shapes[SHAPES[index] ?? 'circle']}</g>
  </svg>`;
}

customElements.define('flow-chart', FlowChart);
