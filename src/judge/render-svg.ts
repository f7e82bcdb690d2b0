/**
 * A comparison over time as SVG: the interval of canary ÷ stable with its margins and the weight steps behind it, and below it the
 * evidence meter up to the abort line. Pure; the same picture is the same text. Colours follow the viewer's light or dark theme.
 */
import { formatOdds, formatRatio } from './format.ts';
import { type Axis, axisOf, type Band, type Unit } from './render-svg-axis.ts';
import { type Box, linear, pathsOf, timeTicks, type XY } from './render-svg-scale.ts';
import type { MarginLines } from './verdict.ts';

/** What was known at the end of one interval. */
export interface PicturePoint {
  readonly endMs: number;
  /** Percent of requests for the canary. */
  readonly weight: number;
  /** E; above one it speaks against the canary. */
  readonly odds: number;
  /** Canary ÷ stable; absent while nothing is known: the band has a gap there. */
  readonly ratio?: Band;
  /** Canary − stable in the metric's unit. */
  readonly difference?: Band;
}

export interface Picture {
  readonly title: string;
  /** The verdict in a sentence: what somebody hears who cannot see the picture. */
  readonly says: string;
  /** Oldest first. */
  readonly points: readonly PicturePoint[];
  /** Up to where (`isLower`: down to where) the canary is healthy, and within which it passes: ratios or differences, as the axis. */
  readonly margins: readonly MarginLines[];
  /** Present: the axis is canary − stable in this unit, not canary ÷ stable. */
  readonly unit?: Unit;
  /** What the canary is compared with. */
  readonly control: string;
  readonly abortAtOdds: number;
  /** End of the interval at which the abort line was crossed. */
  readonly failedAtMs?: number;
}

const WIDTH = 960;
const HEIGHT = 460;
const BAND: Box = { left: 64, right: 828, top: 56, bottom: 300 };
const METER: Box = { left: 64, right: 828, top: 340, bottom: 424 };
const STYLE = `
    .ground { fill: #ffffff } .text { fill: #1f2328; font: 12px system-ui, sans-serif } .title { font-size: 16px; font-weight: 600 }
    .soft { fill: #59636e; font: 11px system-ui, sans-serif } .axis { stroke: #818b98; stroke-width: 1; fill: none }
    .grid { stroke: #818b98; stroke-opacity: .25; stroke-width: 1 } .step { fill: #818b98 }
    .between { fill: #9a6700; fill-opacity: .1 } .band { fill: #0969da; fill-opacity: .22 } .estimate { stroke: #0969da; stroke-width: 2; fill: none }
    .fail { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4 } .pass { stroke: #1a7f37; stroke-width: 1.5; stroke-dasharray: 2 3 }
    .fail-text { fill: #cf222e } .pass-text { fill: #1a7f37 }
    .meter { fill: #bc4c00; fill-opacity: .25 } .odds { stroke: #bc4c00; stroke-width: 2; fill: none }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117 } .text { fill: #f0f6fc } .soft { fill: #9198a1 }
      .between { fill: #d29922 } .band { fill: #4493f8 } .estimate { stroke: #4493f8 } .fail { stroke: #f85149 } .pass { stroke: #3fb950 }
      .fail-text { fill: #f85149 } .pass-text { fill: #3fb950 } .meter { fill: #db6d28 } .odds { stroke: #db6d28 }
    }`;

/** A complete SVG document. Without points it says so and draws empty panels. Numbers that are not finite are left out. */
export function renderSvg(given: Picture): string {
  const picture = { ...given, points: given.points.map((point) => sound(point, given.unit !== undefined)) };
  const { points } = picture;
  const startMs = points[0]?.endMs ?? 0;
  const endMs = Math.max(startMs + 1, points.at(-1)?.endMs ?? 0);
  const x = linear(startMs, endMs, BAND.left, BAND.right);
  const axis = axisOf(picture, BAND);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title desc">`,
    `  <title id="title">${escapeXml(picture.title)}</title>`,
    `  <desc id="desc">${escapeXml(picture.says)}</desc>`,
    `  <style>${STYLE}\n  </style>`,
    `  <rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    `  <text class="text title" x="${BAND.left}" y="28">${escapeXml(picture.title)}</text>`,
    `  <text class="soft" x="${BAND.left}" y="46">canary ${given.unit === undefined ? '÷' : '−'} ${escapeXml(`${given.control}${axis.name === '' ? '' : ` in ${axis.name}`}`)}, with the interval that holds at every look</text>`,
    ...weightSteps(points, x, endMs),
    ...bandPanel(picture, axis, x),
    ...meterPanel(picture, x),
    ...timeAxis(startMs, endMs, x, points.length > 0),
    ...(points.length === 0
      ? [
          `  <text class="text" x="${(BAND.left + BAND.right) / 2}" y="180" text-anchor="middle">no usable intervals</text>`,
        ]
      : []),
    '</svg>',
    '',
  ].join('\n');
}

interface Shown {
  readonly endMs: number;
  readonly weight: number;
  readonly odds: number;
  readonly band?: Band;
}

/** Without a band that cannot be drawn; weights stay within 0–100. */
function sound({ endMs, weight, odds, ratio, difference }: PicturePoint, isDifference: boolean): Shown {
  const band = isDifference ? difference : ratio;
  const isDrawable = band !== undefined && [band.low, band.estimate, band.high].every(Number.isFinite);
  return { endMs, weight: Math.min(100, Math.max(0, weight || 0)), odds, ...(isDrawable ? { band } : {}) };
}

/** One shade per weight, the darker the more requests the canary has. */
function weightSteps(points: readonly Shown[], x: (ms: number) => number, endMs: number): string[] {
  const turns = points.filter(({ weight }, k) => weight !== points[k - 1]?.weight);
  return turns.flatMap(({ endMs: fromMs, weight }, k) => {
    const [left, right] = [x(fromMs), x(turns[k + 1]?.endMs ?? endMs)];
    const opacity = (0.05 + (0.25 * weight) / 100).toFixed(3);
    const size = `width="${fixed(right - left)}" height="${BAND.bottom - BAND.top}"`;
    return [
      `  <rect class="step" fill-opacity="${opacity}" x="${fixed(left)}" y="${BAND.top}" ${size}/>`,
      ...(right - left < 36
        ? []
        : [
            `  <text class="soft" x="${fixed(left + 4)}" y="${BAND.top + 13}">${Number(weight.toPrecision(3))} %</text>`,
          ]),
    ];
  });
}

type Drawn = Omit<Picture, 'points'> & { readonly points: readonly Shown[] };

function bandPanel({ points, margins, unit }: Drawn, axis: Axis, x: (ms: number) => number): string[] {
  const { y } = axis;
  const at = (of: (band: Band) => number): (XY | undefined)[] =>
    points.map(({ endMs, band }) => (band === undefined ? undefined : { x: x(endMs), y: y(of(band)) }));
  const [lows, highs] = [at((band) => band.low), at((band) => band.high)];
  const bands = pathsOf(highs).map(
    (upper, k) => `M${upper} L${(pathsOf(lows)[k] ?? '').split(' ').toReversed().join(' ')} Z`,
  );
  const write = unit === undefined ? formatRatio : axis.write;
  return [
    ...axis.ticks.flatMap((value) => [
      `  <line class="grid" x1="${BAND.left}" x2="${BAND.right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/>`,
      `  <text class="soft" x="${BAND.left - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${axis.write(value)}</text>`,
    ]),
    ...margins.flatMap((margin) => between(margin, axis)),
    ...bands.map((path) => `  <path class="band" d="${path}"/>`),
    ...pathsOf(at((band) => band.estimate)).map((path) => `  <path class="estimate" d="M${path}"/>`),
    ...marginLines(margins, axis, write),
    `  <path class="axis" d="M${BAND.left} ${BAND.top} V${BAND.bottom} H${BAND.right}"/>`,
  ];
}

/** Neither bad enough to abort nor proven good: a canary may be here. */
function between({ fail, pass }: MarginLines, { y, holds }: Axis): string[] {
  if (!holds(fail) || !holds(pass)) return [];
  const [top, bottom] = [fail, pass].map(y).toSorted((a, b) => a - b) as [number, number];
  const size = `width="${BAND.right - BAND.left}" height="${fixed(bottom - top)}"`;
  return [`  <rect class="between" x="${BAND.left}" y="${fixed(top)}" ${size}/>`];
}

interface Line {
  readonly kind: 'fail' | 'pass';
  readonly at: number;
  readonly text: string;
}

function marginLines(margins: readonly MarginLines[], axis: Axis, write: (value: number) => string): string[] {
  const lines = margins
    .flatMap(({ isLower, fail, pass }): (Line & { readonly value: number })[] => {
      const [healthy, passes] = isLower === true ? ['healthy from', 'passes above'] : ['healthy to', 'passes below'];
      return [
        { kind: 'fail', value: fail, at: axis.y(fail), text: `${healthy} ${write(fail)}` },
        { kind: 'pass', value: pass, at: axis.y(pass), text: `${passes} ${write(pass)}` },
      ];
    })
    .filter(({ value }) => axis.holds(value))
    .toSorted((a, b) => a.at - b.at);
  const labels = spread(lines.map(({ at }) => at));
  return lines.flatMap(({ kind, at, text }, k) => [
    `  <line class="${kind}" x1="${BAND.left}" x2="${BAND.right}" y1="${fixed(at)}" y2="${fixed(at)}"/>`,
    `  <text class="soft ${kind}-text" x="${BAND.right + 6}" y="${fixed((labels[k] ?? at) + 4)}">${text}</text>`,
  ]);
}

/** Heights of labels, in order, at least a line from each other and as near to their places as may be. */
function spread(places: readonly number[]): readonly number[] {
  const found = [...places];
  for (let turn = 0; turn < 20; turn++) {
    for (let k = 1; k < found.length; k++) {
      const overlap = LABEL - ((found[k] ?? 0) - (found[k - 1] ?? 0));
      if (overlap <= 0) continue;
      found[k - 1] = (found[k - 1] ?? 0) - overlap / 2;
      found[k] = (found[k] ?? 0) + overlap / 2;
    }
  }
  return found;
}

const LABEL = 13;

function meterPanel({ points, abortAtOdds, failedAtMs }: Drawn, x: (ms: number) => number): string[] {
  const nats = (odds: number): number => Math.log(Math.max(1, odds));
  const finite = points.filter(({ odds }) => odds >= 0 && odds < Infinity);
  const most = Math.max(
    nats(abortAtOdds) * 1.15,
    ...finite.map(({ odds }) => Math.min(nats(odds), 3 * nats(abortAtOdds))),
  );
  const y = linear(0, most || 1, METER.bottom, METER.top);
  const line = points.map(({ endMs, odds }) =>
    odds >= 0 && odds < Infinity ? { x: x(endMs), y: y(Math.min(most, nats(odds))) } : undefined,
  );
  const abortAt = fixed(y(nats(abortAtOdds)));
  const failed = points.find(({ endMs }) => endMs === failedAtMs);
  return [
    `  <text class="soft" x="${METER.left}" y="${METER.top - 8}">odds against a healthy canary, logarithmic</text>`,
    ...pathsOf(line).flatMap((path) => {
      const [first = '', last = ''] = [path.split(' ')[0], path.split(' ').at(-1)];
      const area = `M${first.split(',')[0] ?? ''},${METER.bottom} L${path} L${last.split(',')[0] ?? ''},${METER.bottom} Z`;
      return [`  <path class="meter" d="${area}"/>`, `  <path class="odds" d="M${path}"/>`];
    }),
    `  <line class="fail" x1="${METER.left}" x2="${METER.right}" y1="${abortAt}" y2="${abortAt}"/>`,
    `  <text class="soft fail-text" x="${METER.right + 6}" y="${fixed(y(nats(abortAtOdds)) + 4)}">${formatOdds(abortAtOdds)}</text>`,
    `  <text class="soft" x="${METER.left - 8}" y="${METER.bottom + 4}" text-anchor="end">1 : 1</text>`,
    ...(failed === undefined
      ? []
      : [
          `  <line class="fail" x1="${fixed(x(failed.endMs))}" x2="${fixed(x(failed.endMs))}" y1="${BAND.top}" y2="${METER.bottom}"/>`,
          `  <text class="soft fail-text" x="${fixed(Math.min(x(failed.endMs) + 5, METER.right - 60))}" y="${BAND.bottom + 16}">aborts here</text>`,
        ]),
    `  <path class="axis" d="M${METER.left} ${METER.top} V${METER.bottom} H${METER.right}"/>`,
  ];
}

function timeAxis(startMs: number, endMs: number, x: (ms: number) => number, hasPoints: boolean): string[] {
  if (!hasPoints) return [];
  return timeTicks(startMs, endMs).map(
    (ms) =>
      `  <text class="soft" x="${fixed(x(ms))}" y="${METER.bottom + 18}" text-anchor="middle">${new Date(ms).toISOString().slice(11, 19)}</text>`,
  );
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}

/** Text for XML; characters that XML cannot hold are dropped. */
function escapeXml(text: string): string {
  return Array.from(text)
    .filter((character) => character >= ' ' || character === '\t' || character === '\n')
    .join('')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
