// One plot. In: a chart's figures, a place in the page, and its colours there. Out: lines that differ by dash and marker
// as well as by colour, and a cursor. The only file that names uPlot.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { timeWords } from './steps.ts';
import type { Chart } from './model.ts';

/** In pixels of the screen. */
const HEIGHT = 260;
const MARKER = 7;

/** Dashes of the series, in their order. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 4], [10, 3, 2, 3]];
export type Shape = 'circle' | 'square' | 'triangle' | 'diamond';
export const SHAPES: readonly Shape[] = ['circle', 'square', 'triangle', 'diamond'];

/** The colours at this moment: of each series, and of axes and grid. */
export interface Colours {
  series: (index: number) => string;
  text: () => string;
  grid: () => string;
  ground: () => string;
}

export class Plot {
  readonly #plot: uPlot;
  #length: number;

  constructor(place: HTMLElement, chart: Chart, zone: string, colours: Colours, pointed: (index: number | null) => void) {
    this.#length = chart.from.length;
    const axis: uPlot.Axis = {
      stroke: colours.text,
      grid: { stroke: colours.grid, width: 1 },
      ticks: { stroke: colours.grid, width: 1 },
      font: '13px system-ui, sans-serif',
    };
    this.#plot = new uPlot(
      {
        width: Math.max(200, place.clientWidth),
        height: HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
        legend: { show: false },
        cursor: {
          drag: { x: false, y: false },
          points: {
            size: MARKER + 4,
            width: 2,
            stroke: (_, series) => colours.series(series - 1),
            fill: (_, series) => colours.series(series - 1),
          },
        },
        scales: {
          x: { range: () => this.#ends },
          y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.08)] },
        },
        axes: [
          { ...axis, space: 70, values: (_, splits, __, ___, increment) => splits.map((at) => timeWords(at * 1000, increment, zone)) },
          {
            ...axis,
            size: 54,
            values: (_, splits) => splits.map((value) => (value === null ? '' : value.toLocaleString('en-US'))),
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6],
          },
        ],
        series: [
          {},
          ...chart.series.map(
            (series, index): uPlot.Series => ({
              label: series.words,
              stroke: () => colours.series(index),
              width: 2,
              dash: [...(DASHES[index] ?? [])],
              points: {
                size: MARKER,
                width: 1.5,
                stroke: () => colours.series(index),
                fill: () => (index % 2 === 0 ? colours.series(index) : colours.ground()),
                paths: markers(SHAPES[index] ?? 'circle'),
              },
            }),
          ),
        ],
        hooks: { setCursor: [(plot) => pointed(plot.cursor.idx ?? null)] },
      },
      data(chart),
      place,
    );
    this.#ends = ends(chart);
    this.#plot.setData(data(chart));
  }

  #ends: [number, number] = [0, 1];

  show(chart: Chart): void {
    this.#length = chart.from.length;
    this.#ends = ends(chart);
    this.#plot.setData(data(chart));
  }

  resize(width: number): void {
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  /** Puts the cursor on a step. */
  point(index: number): void {
    const x = this.#plot.data[0]?.[Math.min(index, this.#length - 1)];
    if (x === undefined || x === null) return;
    this.#plot.setCursor({ left: this.#plot.valToPos(x, 'x'), top: 1 });
  }

  end(): void {
    this.#plot.destroy();
  }
}

function data(chart: Chart): uPlot.AlignedData {
  return [chart.from.map((ms) => ms / 1000), ...chart.series.map(({ values }) => values)];
}

function ends({ from, to }: Chart): [number, number] {
  return [(from[0] ?? 0) / 1000, (to.at(-1) ?? 1) / 1000];
}

/** Marks of a shape at each value. */
function markers(shape: Shape): uPlot.Series.Points.PathBuilder {
  return (plot, series, first, last, only) => {
    const [xs, ys] = [plot.data[0], plot.data[series]];
    const path = new Path2D();
    const half = (MARKER / 2) * devicePixelRatio;
    const mark = (index: number) => {
      const [x, y] = [xs?.[index], ys?.[index]];
      if (x === undefined || y === undefined || y === null) return;
      trace(path, shape, plot.valToPos(x, 'x', true), plot.valToPos(y, 'y', true), half);
    };
    if (only) only.forEach(mark);
    else for (let index = first; index <= last; index += 1) mark(index);
    return { stroke: path, fill: path, clip: null, flags: 0 };
  };
}

function trace(path: Path2D, shape: Shape, x: number, y: number, half: number): void {
  const corners: Record<Exclude<Shape, 'circle'>, [number, number][]> = {
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    triangle: [[0, -1.2], [1.2, 1], [-1.2, 1]],
    diamond: [[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]],
  };
  if (shape === 'circle') {
    path.moveTo(x + half, y);
    path.arc(x, y, half, 0, Math.PI * 2);
    return;
  }
  corners[shape].forEach(([dx, dy], index) => {
    const [toX, toY] = [x + dx * half, y + dy * half];
    if (index === 0) path.moveTo(toX, toY);
    else path.lineTo(toX, toY);
  });
  path.closePath();
}
