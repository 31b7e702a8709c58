import { formatMicroseconds, formatNumber } from "./format-figures.ts";
import type { LoadResult, TimelinePoint } from "./load-result.ts";
import { resultText } from "./result-text.ts";

const WIDTH = 860;
const PANEL_HEIGHT = 250;
const MARGIN = { top: 46, right: 24, bottom: 40, left: 84 } as const;
const TICKS = 5;
const COLORS = ["#0b6e99", "#d9730d", "#6940a5"] as const;

interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
}

/** The result drawn, without anything that would have to be loaded: an SVG, or an HTML page with the SVG in it. */
export function plot(result: LoadResult, kind: "svg" | "html"): string {
  const svg = plotSvg(result);
  if (kind === "svg") return svg;
  const title = escapeMarkup(titleOf(result));
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`,
    "<style>body{font:15px system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}",
    "svg{max-width:100%;height:auto}pre{background:#f4f4f4;padding:1rem;overflow:auto}</style>",
    `<h1>${title}</h1><p>${escapeMarkup(result.startedAt)}, ${escapeMarkup(result.url)}</p>`,
    svg,
    `<pre>${escapeMarkup(resultText(result))}</pre></html>\n`,
  ].join("\n");
}

function titleOf({ mode, qos, connections, payloadBytes, protocolVersion }: LoadResult): string {
  const version = protocolVersion === 5 ? "MQTT 5.0" : protocolVersion === 4 ? "MQTT 3.1.1" : "MQTT 3.1";
  const traffic = mode === "connect" ? "" : `, QoS ${qos}, ${formatNumber(payloadBytes)} B`;
  return `dunlin bench ${mode}: ${formatNumber(connections)} connections${traffic}, ${version}`;
}

function plotSvg(result: LoadResult): string {
  const panels = panelsOf(result);
  const height = panels.length * PANEL_HEIGHT;
  const seconds = result.timeline.map(({ atSeconds }) => atSeconds);
  const drawn = panels.map(
    (panel, index) => `<g transform="translate(0 ${index * PANEL_HEIGHT})">${drawPanel(panel, seconds)}</g>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>${escapeMarkup(titleOf(result))}</title><rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...drawn,
    "</svg>",
  ].join("\n");
}

function panelsOf({ mode, timeline }: LoadResult): readonly Panel[] {
  const valuesOf = (name: keyof TimelinePoint): readonly number[] => timeline.map((point) => point[name]);
  const rates: Panel =
    mode === "connect"
      ? {
          title: "Connections",
          series: [{ name: "ready", values: valuesOf("readyConnections") }],
          format: formatNumber,
        }
      : {
          title: "Messages per second",
          series: [
            { name: "sent", values: valuesOf("sentPerSecond") },
            { name: "delivered", values: valuesOf("deliveredPerSecond") },
          ],
          format: formatNumber,
        };
  const latency: Panel = {
    title: mode === "connect" ? "Time to connect" : "Latency",
    series: [
      { name: "p50", values: valuesOf("p50Microseconds") },
      { name: "p99", values: valuesOf("p99Microseconds") },
    ],
    format: formatMicroseconds,
  };
  return [rates, latency];
}

function drawPanel({ title, series, format }: Panel, seconds: readonly number[]): string {
  const plotWidth = WIDTH - MARGIN.left - MARGIN.right;
  const plotHeight = PANEL_HEIGHT - MARGIN.top - MARGIN.bottom;
  const lastSecond = Math.max(seconds.at(-1) ?? 0, 0.001);
  const top = roundUp(Math.max(1, ...series.flatMap(({ values }) => values)));
  const x = (second: number): number => MARGIN.left + (second / lastSecond) * plotWidth;
  const y = (value: number): number => MARGIN.top + plotHeight * (1 - value / top);
  const parts = [`<text x="${MARGIN.left}" y="18" font-size="14" font-weight="600">${title}</text>`];
  for (let tick = 0; tick <= TICKS; tick++) {
    const value = (top * tick) / TICKS;
    const second = (lastSecond * tick) / TICKS;
    parts.push(
      line(MARGIN.left, y(value), WIDTH - MARGIN.right, y(value)),
      `<text x="${MARGIN.left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${format(value)}</text>`,
      `<text x="${round(x(second))}" y="${PANEL_HEIGHT - 20}" text-anchor="middle">${formatNumber(second)} s</text>`,
    );
  }
  series.forEach(({ name, values }, index) => {
    const points = values.map((value, at) => `${round(x(seconds[at]!))},${round(y(value))}`).join(" ");
    const left = MARGIN.left + index * 110;
    parts.push(
      `<polyline points="${points}" fill="none" stroke="${COLORS[index]}" stroke-width="2" stroke-linejoin="round"/>`,
      `<rect x="${left}" y="26" width="14" height="4" fill="${COLORS[index]}"/>`,
      `<text x="${left + 20}" y="33">${name}</text>`,
    );
  });
  return parts.join("");
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${round(y1)}" x2="${x2}" y2="${round(y2)}" stroke="#ddd"/>`;
}

/** The next number that makes a good end of an axis. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 7.5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
