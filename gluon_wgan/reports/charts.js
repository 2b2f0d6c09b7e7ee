// Line charts on canvases that share one stretch of iterations or of training time.

const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6", "--line-7", "--line-8"];
const PAD = { left: 58, right: 12, top: 10, bottom: 26 };

const view = { by: "iterations", log: false, raw: true, range: null, at: null, mark: null, hidden: new Set() };
const charts = [];

function drawAll() {
  for (const chart of charts) chart.draw();
}

class Chart {
  constructor(parent, spec, axes, filter, onPick) {
    Object.assign(this, { spec, axes, filter, onPick });
    this.root = document.createElement("figure");
    this.root.className = "card chart";
    const head = document.createElement("figcaption");
    const title = document.createElement("b");
    title.textContent = spec.title;
    const note = document.createElement("span");
    note.className = "muted";
    note.textContent = spec.note;
    head.append(title, note);
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${spec.title}: ${spec.note}`);
    this.words = document.createElement("output");
    this.words.className = "values";
    this.root.append(head, this.canvas, this.words);
    parent.append(this.root);
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  xs(series) {
    const axis = this.axes[series.axis];
    return view.by === "time" ? axis.seconds : axis.last;
  }

  shown() {
    return this.spec.series.filter((one) => !view.hidden.has(one.axis) || this.axes.length === 1);
  }

  // All that there is to see along x, in every run.
  extent() {
    let low = Infinity, high = -Infinity;
    for (const axis of this.axes) {
      const xs = view.by === "time" ? axis.seconds : axis.last;
      if (!xs.length) continue;
      low = Math.min(low, view.by === "time" ? 0 : axis.first ? axis.first[0] : xs[0]);
      high = Math.max(high, xs[xs.length - 1]);
    }
    return low < high ? [low, high] : [low - 1, low + 1];
  }

  // The curves to draw: each with the arrays of its lowest and highest values.
  bands() {
    const found = [];
    for (const series of this.shown()) {
      const median = series.medianLow;
      if (series.rawLow && (view.raw || !median)) {
        found.push({ series, faint: Boolean(median), low: series.rawLow, high: series.rawHigh || series.rawLow });
      }
      if (median) found.push({ series, faint: false, low: median, high: series.medianHigh || median });
    }
    return found;
  }

  yRange(bands, [from, to]) {
    let low = Infinity, high = -Infinity;
    for (const band of bands) {
      const xs = this.xs(band.series);
      const end = Math.min(xs.length, firstFrom(xs, to) + 1);
      for (let i = firstFrom(xs, from); i < end; i += 1) {
        for (const value of [band.low[i], band.high[i]]) {
          if (value === null || (view.log && value <= 0)) continue;
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
    }
    if (low > high) return null;
    if (view.log) return low === high ? [low / 2, high * 2] : [low / 1.05, high * 1.05];
    const slack = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
    return [low - slack, high + slack];
  }

  layout() {
    const box = this.canvas.getBoundingClientRect();
    const [from, to] = view.range || this.extent();
    const bands = this.bands();
    const y = this.yRange(bands, [from, to]);
    const width = box.width - PAD.left - PAD.right, height = box.height - PAD.top - PAD.bottom;
    const scale = view.log ? Math.log : (value) => value;
    const x = (value) => PAD.left + ((value - from) / (to - from)) * width;
    const back = (pixel) => from + ((pixel - PAD.left) / width) * (to - from);
    const up = y && ((value) => PAD.top + (1 - (scale(value) - scale(y[0])) / (scale(y[1]) - scale(y[0]))) * height);
    return { box, from, to, bands, y, x, back, up, width, height };
  }

  draw() {
    const place = this.layout();
    if (place.width < 20) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(place.box.width * ratio);
    this.canvas.height = Math.round(place.box.height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    pen.font = `11px ${style.fontFamily}`;
    this.drawGrid(pen, place, colour);
    if (place.up) {
      pen.save();
      pen.beginPath();
      pen.rect(PAD.left, PAD.top - 4, place.width, place.height + 8);
      pen.clip();
      for (const band of place.bands) this.drawBand(pen, place, band, colour(COLOURS[band.series.colour % COLOURS.length]));
      this.drawCursor(pen, place, colour);
      pen.restore();
    }
    this.canvas.dataset.from = place.from;
    this.canvas.dataset.to = place.to;
    this.say();
  }

  drawGrid(pen, { from, to, y, x, up, width, height }, colour) {
    pen.lineWidth = 1;
    pen.strokeStyle = colour("--rule");
    pen.fillStyle = colour("--muted");
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    const rows = !y ? [] : view.log ? logTicks(...y) : linearTicks(...y, niceStep(y[1] - y[0], height / 42));
    const alike = view.log ? shortNumber : tickWords(rows);
    for (const value of rows) {
      const level = Math.round(up(value)) + 0.5;
      pen.beginPath();
      pen.moveTo(PAD.left, level);
      pen.lineTo(PAD.left + width, level);
      pen.stroke();
      pen.fillText(alike(value), PAD.left - 8, level);
    }
    pen.textBaseline = "top";
    const most = Math.max(2, width / 90);
    const step = view.by === "time" ? timeStep(to - from, most) : Math.max(1, niceStep(to - from, most));
    for (const value of linearTicks(from, to, step)) {
      const words = view.by === "time" ? shortTime(value) : Math.round(value).toLocaleString("en");
      const half = pen.measureText(words).width / 2;
      const right = PAD.left + width + PAD.right - half;
      pen.textAlign = "center";
      pen.fillText(words, Math.min(x(value), right), PAD.top + height + 9);
    }
    if (!y) pen.fillText(view.log ? "nothing above 0" : "no values", PAD.left + width / 2, PAD.top + height / 2);
  }

  drawBand(pen, { from, to, x, up }, { series, faint, low, high }, colour) {
    const xs = this.xs(series);
    const begin = Math.max(0, firstFrom(xs, from) - 1), end = Math.min(xs.length, firstFrom(xs, to) + 2);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineJoin = "round";
    pen.globalAlpha = faint ? 0.32 : 1;
    if (faint && low !== high) {
      this.fillBand(pen, xs, low, high, begin, end, x, up);
      return;
    }
    pen.lineWidth = faint ? 1 : 1.9;
    pen.beginPath();
    let drawing = false;
    const usable = (value) => value !== null && (!view.log || value > 0);
    for (let i = begin; i < end; i += 1) {
      if (!usable(high[i])) {
        drawing = false;
        continue;
      }
      const bottom = usable(low[i]) ? low[i] : high[i], pixel = x(xs[i]);
      if (drawing) pen.lineTo(pixel, up(bottom));
      else pen.moveTo(pixel, up(bottom));
      if (high[i] !== bottom) pen.lineTo(pixel, up(high[i]));
      else if (!drawing && (i + 1 >= end || !usable(high[i + 1]))) pen.lineTo(pixel + 0.5, up(bottom));
      drawing = true;
    }
    pen.stroke();
    pen.globalAlpha = 1;
  }

  // The surface between lowest and highest: lines as dense as pixels would hide how faint they are.
  fillBand(pen, xs, low, high, begin, end, x, up) {
    const floor = Math.min(...low.filter((value) => value !== null && (!view.log || value > 0)));
    const usable = (i) => i < end && high[i] !== null && (!view.log || high[i] > 0);
    const bottom = (i) => up(view.log && !(low[i] > 0) ? floor : low[i]);
    for (let first = begin; first < end; first += 1) {
      if (!usable(first)) continue;
      let last = first;
      while (usable(last + 1)) last += 1;
      pen.beginPath();
      for (let i = first; i <= last; i += 1) pen.lineTo(x(xs[i]), up(high[i]));
      for (let i = last; i >= first; i -= 1) pen.lineTo(x(xs[i]), bottom(i));
      pen.fill();
      first = last;
    }
    pen.globalAlpha = 1;
  }

  drawCursor(pen, { x, up, back, height }, colour) {
    const line = (pixel, name, dash) => {
      pen.strokeStyle = colour(name);
      pen.lineWidth = 1;
      pen.setLineDash(dash);
      pen.beginPath();
      pen.moveTo(Math.round(pixel) + 0.5, PAD.top - 4);
      pen.lineTo(Math.round(pixel) + 0.5, PAD.top + height + 4);
      pen.stroke();
      pen.setLineDash([]);
    };
    if (view.mark !== null && (view.by === "iterations" || this.axes.length === 1)) line(x(this.xOf(view.mark)), "--muted", [3, 4]);
    if (view.at !== null) {
      line(x(view.at), "--ink", []);
      for (const series of this.shown()) {
        const i = this.indexAt(series);
        const values = series.medianLow || series.rawLow;
        if (i === null || values[i] === null || (view.log && values[i] <= 0)) continue;
        pen.fillStyle = colour(COLOURS[series.colour % COLOURS.length]);
        pen.beginPath();
        pen.arc(x(this.xs(series)[i]), up(values[i]), 3.5, 0, 7);
        pen.fill();
      }
    }
    if (this.dragged) {
      const [a, b] = [this.dragged.from, this.dragged.to];
      pen.globalAlpha = 0.12;
      pen.fillStyle = colour("--ink");
      pen.fillRect(Math.min(x(a), x(b)), PAD.top - 4, Math.abs(x(a) - x(b)), height + 8);
      pen.globalAlpha = 1;
    }
  }

  // Where an iteration lies on the x axis that is shown.
  xOf(iteration) {
    if (view.by === "iterations") return iteration;
    const axis = this.axes[0];
    return iteration <= 0 ? 0 : axis.seconds[nearest(axis.last, iteration)];
  }

  indexAt(series) {
    const xs = this.xs(series);
    if (!xs.length || view.at > xs[xs.length - 1] * 1.0001 + 1) return null;
    return nearest(xs, view.at);
  }

  // The values under the cursor, or at the end, in words.
  say() {
    this.words.replaceChildren();
    const at = (series) => (view.at === null ? this.xs(series).length - 1 : this.indexAt(series));
    const first = this.shown().find((series) => at(series) !== null && at(series) >= 0);
    if (!first) return;
    const axis = this.axes[first.axis], i = at(first);
    const where = axis.first && axis.first[i] !== axis.last[i]
      ? `iterations ${axis.first[i].toLocaleString("en")}–${axis.last[i].toLocaleString("en")}`
      : `iteration ${axis.last[i].toLocaleString("en")}`;
    const together = this.axes.length === 1;
    if (!together && view.at === null) this.sayPlainly("at the end of each run");
    else this.sayPlainly(together || view.by === "iterations" ? where : "", together || view.by === "time" ? shortTime(view.at === null || together ? axis.seconds[i] : view.at) : "");
    for (const series of this.shown()) {
      const j = at(series);
      if (j === null || j < 0) continue;
      const span = (name) => {
        const low = series[`${name}Low`][j], high = (series[`${name}High`] || series[`${name}Low`])[j];
        return low === high ? shortNumber(low) : `${shortNumber(low)} … ${shortNumber(high)}`;
      };
      const words = document.createElement("span");
      const key = document.createElement("i");
      key.className = `key line-${(series.colour % COLOURS.length) + 1}`;
      const value = document.createElement("b");
      value.textContent = span(series.medianLow ? "median" : "raw");
      words.append(key, `${series.label} `, value);
      if (series.medianLow && series.rawLow && view.raw) words.append(` raw ${span("raw")}`);
      this.words.append(words);
    }
  }

  sayPlainly(...parts) {
    const words = document.createElement("span");
    words.textContent = parts.filter(Boolean).join(", ");
    this.words.append(words);
  }

  listen() {
    const where = (event) => {
      const { box, back, from, to } = this.layout();
      return Math.min(to, Math.max(from, back(event.clientX - box.left)));
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      this.dragged = { from: where(event), to: where(event), pixel: event.clientX };
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      view.at = where(event);
      if (this.dragged) this.dragged.to = view.at;
      drawAll();
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const drag = this.dragged;
      this.dragged = null;
      if (!drag) return;
      view.at = where(event);
      if (Math.abs(event.clientX - drag.pixel) > 8) view.range = [drag.from, drag.to].sort((a, b) => a - b);
      else if (this.onPick && (view.by === "iterations" || this.axes.length === 1)) this.onPick(this.iterationAt(view.at));
      drawAll();
    });
    this.canvas.addEventListener("pointercancel", () => {
      this.dragged = null;
      drawAll();
    });
    this.canvas.addEventListener("pointerleave", () => {
      if (this.dragged) return;
      view.at = null;
      drawAll();
    });
    this.canvas.addEventListener("dblclick", () => zoom("all"));
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    const [from, to] = view.range || this.extent();
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) view.at = Math.min(to, Math.max(from, (view.at ?? to) + (steps[event.key] * (to - from)) / 100));
    else if (event.key === "+") zoom("in");
    else if (event.key === "-") zoom("out");
    else if (event.key === "Escape") zoom("all");
    else return;
    event.preventDefault();
    event.stopPropagation();
    drawAll();
  }

  iterationAt(x) {
    const axis = this.axes[0];
    return view.by === "iterations" ? x : axis.last[nearest(axis.seconds, x)];
  }
}

function zoom(how) {
  const [least, most] = charts[0].extent();
  const [from, to] = view.range || [least, most];
  const centre = view.at !== null && view.at >= from && view.at <= to ? view.at : (from + to) / 2;
  const factor = how === "in" ? 0.5 : 2;
  const range = [centre - (centre - from) * factor, centre + (to - centre) * factor];
  const all = how === "all" || (range[0] <= least && range[1] >= most);
  view.range = all ? null : [Math.max(least, range[0]), Math.min(most, range[1])];
  drawAll();
}
