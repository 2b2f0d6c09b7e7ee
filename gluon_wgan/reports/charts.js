// Line charts by uPlot that share one stretch of iterations or of training time.

const LINES = 8;
const NOTHING = { left: 0, top: 0, width: 0, height: 0 };
const view = { by: "iterations", log: false, raw: true, range: null, at: null, mark: null, hidden: new Set() };
const charts = [];

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function rebuildAll() {
  for (const chart of charts) chart.build();
}

class Chart {
  // `spec` has title, note, unit and series; a series lies along `axes[series.axis]` or has points of its own.
  constructor(parent, spec, axes, onPick) {
    Object.assign(this, { spec, axes, onPick, plot: null });
    const add = (tag, to, className, text = "") => {
      const made = to.appendChild(document.createElement(tag));
      Object.assign(made, { className, textContent: text });
      return made;
    };
    const root = add("figure", parent, "card chart"), head = add("figcaption", root, "");
    add("b", head, "", spec.title);
    add("span", head, "muted", spec.note);
    this.box = add("div", root, "plot");
    this.words = add("output", root, "values");
    this.build();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.box);
  }

  size() {
    return { width: Math.max(120, this.box.clientWidth), height: this.box.clientHeight };
  }

  shown() {
    return this.spec.series.filter((one) => !view.hidden.has(one.axis) || this.axes.length === 1);
  }

  xs(series) {
    const axis = this.axes[series.axis];
    if (series.at) return series.at.map((iteration) => xOf(axis, iteration));
    return view.by === "time" ? axis.seconds : axis.last;
  }

  // The tables that uPlot joins, each [x, values ...], and the uPlot series of those values.
  tables() {
    const tables = [], lines = [{}], bands = [];
    const put = (xs, columns, options) => {
      tables.push([xs, ...columns.map((column) => column.map((value) => (view.log && value <= 0 ? null : value)))]);
      for (const _ of columns) lines.push({ points: { show: false }, ...options });
      if (columns.length === 2) bands.push({ series: [lines.length - 1, lines.length - 2], fill: options.fill });
    };
    for (const series of this.shown()) {
      const xs = this.xs(series), name = `--line-${(series.colour % LINES) + 1}`;
      const stroke = () => colourOf(name), faint = () => `${colourOf(name)}55`;
      if (series.at) {
        put(xs, [series.values], { stroke, width: 2, points: { show: true, size: 8, fill: stroke }, bars: series });
        // No lines of their own: they make room for the bars, which `drawBars` draws.
        for (const end of [series.low, series.high]) put(xs, [end], { width: 0 });
        if (series.baseline !== null) put(this.extent(), [[series.baseline, series.baseline]], { stroke, width: 1.5, dash: [2, 5] });
        continue;
      }
      const pair = (kind) => [series[`${kind}Low`], series[`${kind}High`]].filter(Boolean);
      if (!series.medianLow) put(xs, pair("raw"), { stroke, width: 1.6, fill: faint });
      else {
        if (view.raw) put(xs, pair("raw"), { stroke: faint, width: series.rawHigh ? 0 : 1, fill: faint });
        put(xs, pair("median"), { stroke, width: 2, fill: stroke });
      }
    }
    return { tables, lines: lines.map(({ fill, ...one }) => one), bands };
  }

  // All that there is to see along x, in every run.
  extent() {
    let low = Infinity, high = -Infinity;
    for (const axis of this.axes) {
      if (!axis.last.length) continue;
      low = Math.min(low, view.by === "time" ? 0 : (axis.first || axis.last)[0]);
      high = Math.max(high, (view.by === "time" ? axis.seconds : axis.last).at(-1));
    }
    for (const { at = [] } of view.by === "time" ? [] : this.spec.series) [low, high] = [Math.min(low, ...at), Math.max(high, ...at)];
    return low < high ? [low, high] : Number.isFinite(low) ? [low - 1, low + 1] : [0, 1];
  }

  build() {
    const { tables, lines, bands } = this.tables();
    const data = tables.length ? uPlot.join(tables) : [[]];
    if (this.plot) this.plot.destroy();
    this.plot = new uPlot({ ...this.size(), series: lines, bands, ...this.options() }, data, this.box);
    this.listen(this.plot.over);
    this.noteRange();
    this.say();
  }

  options() {
    const paint = { stroke: () => colourOf("--muted"), font: "11px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", labelSize: 18, labelGap: 2, grid: { stroke: () => colourOf("--rule"), width: 1 }, ticks: { show: false } };
    const time = { label: "training time, h:min:s", incrs: SECOND_STEPS, space: 80, values: (_, ticks) => ticks.map(shortTime) };
    const count = { label: "generator iterations", incrs: WHOLE_STEPS, space: 52, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en")) };
    const logValues = (_, ticks) => ticks.map((tick) => (tick === null ? "" : shortNumber(tick)));
    const values = (_, ticks, axis, space, step) => ticks.map(tickText(step));
    const levels = (plot, low, high) => {
      if (low === null) return view.log ? [1, 10] : [0, 1];
      if (view.log) return logRange(low, high);
      return uPlot.rangeNum(low, high, { min: { pad: 0.06 }, max: { pad: 0.06 } });
    };
    return {
      legend: { show: false },
      padding: [10, 24, 0, 0],
      scales: { x: { time: false, range: () => view.range || this.extent() }, y: { distr: view.log ? 3 : 1, range: levels } },
      axes: [{ ...paint, size: 28, ...(view.by === "time" ? time : count) }, { ...paint, size: 58, label: this.spec.unit, values: view.log ? logValues : values }],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: 8 },
        sync: { key: "page", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        bind: { dblclick: () => () => zoom("all") },
        points: { size: 7 },
      },
      hooks: {
        setCursor: [(plot) => this.point(plot)],
        setSelect: [(plot) => this.select(plot)],
        draw: [(plot) => this.drawMark(plot), (plot) => this.drawBars(plot)],
      },
    };
  }

  point(plot) {
    view.at = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, "x") : null;
    this.say();
  }

  select(plot) {
    const { left, width } = plot.select;
    if (!width) return;
    const range = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect(NOTHING, false);
    setRange(range);
  }

  noteRange() {
    [this.box.dataset.from, this.box.dataset.to] = view.range || this.extent();
  }

  // Where the images shown beside the slider come from.
  drawMark({ ctx, bbox, valToPos }) {
    if (view.mark === null || (view.by === "time" && this.axes.length > 1)) return;
    const x = Math.round(valToPos(xOf(this.axes[0], view.mark), "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) return;
    ctx.save();
    ctx.strokeStyle = colourOf("--muted");
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  }

  // The intervals of metric values.
  drawBars(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { bars, stroke } of plot.series.filter((one) => one.bars)) {
      ctx.strokeStyle = stroke();
      ctx.setLineDash([]);
      ctx.lineWidth = 1.5 * devicePixelRatio;
      const xs = this.xs(bars);
      bars.low.forEach((low, i) => {
        if (low === null || bars.high[i] === null || (view.log && low <= 0)) return;
        const x = plot.valToPos(xs[i], "x", true);
        ctx.beginPath();
        ctx.moveTo(x, plot.valToPos(low, "y", true));
        ctx.lineTo(x, plot.valToPos(bars.high[i], "y", true));
        ctx.stroke();
      });
    }
    ctx.restore();
  }

  // The legend: each line with its value under the cursor, or at the end.
  say() {
    this.words.replaceChildren();
    const rows = this.shown().map((series) => [series, this.placeIn(series)]).filter(([, i]) => i !== null);
    if (rows.length) this.sayWhere(...rows[0]);
    for (const [series, i] of rows) {
      const span = (low, high = low) => (low === high ? shortNumber(low) : `${shortNumber(low)} … ${shortNumber(high)}`);
      const value = (kind) => span(series[`${kind}Low`][i], series[`${kind}High`]?.[i]);
      const wide = series.rawHigh || series.medianHigh ? "lowest … highest" : "each iteration";
      if (series.at) {
        const interval = series.low[i] === null ? "" : ` (${shortNumber(series.low[i])} – ${shortNumber(series.high[i])})`;
        this.sayLine(series, "dot", series.label, shortNumber(series.values[i]) + interval);
        if (series.baseline !== null) this.sayLine(series, "dots", "real vs real", shortNumber(series.baseline));
      } else if (!series.medianLow) this.sayLine(series, "", series.label, value("raw"));
      else {
        this.sayLine(series, "", `${series.label}, median`, value("median"));
        if (view.raw) this.sayLine(series, "faint", `raw, ${wide}`, value("raw"));
      }
    }
  }

  placeIn(series) {
    const xs = this.xs(series);
    if (!xs.length) return null;
    if (view.at === null) return xs.length - 1;
    return !series.at && view.at > xs.at(-1) * 1.0001 + 1 ? null : nearest(xs, view.at);
  }

  sayWhere(series, i) {
    const axis = this.axes[series.axis], words = (n) => n.toLocaleString("en");
    if (this.axes.length > 1 && view.at === null) return this.sayPlainly("at the end of each run");
    if (series.at) return this.sayPlainly(`iteration ${words(series.at[i])}`);
    const where = axis.first && axis.first[i] !== axis.last[i] ? `iterations ${words(axis.first[i])}–${words(axis.last[i])}` : `iteration ${words(axis.last[i])}`;
    if (this.axes.length === 1) return this.sayPlainly(`${where}, ${shortTime(axis.seconds[i])}`);
    return this.sayPlainly(view.by === "time" ? shortTime(view.at) : where);
  }

  sayPlainly(text) {
    const words = document.createElement("span");
    words.textContent = text;
    this.words.append(words);
  }

  sayLine(series, style, label, text) {
    const words = document.createElement("span"), key = document.createElement("i"), value = document.createElement("b");
    key.className = `key line-${(series.colour % LINES) + 1} ${style}`;
    value.textContent = text;
    words.append(key, `${label} `, value);
    this.words.append(words);
  }

  listen(over) {
    over.tabIndex = 0;
    over.setAttribute("role", "img");
    over.setAttribute("aria-label", `${this.spec.title}: ${this.spec.note}`);
    over.addEventListener("keydown", (event) => this.onKey(event));
    over.addEventListener("click", () => {
      if (view.at !== null && (view.by === "iterations" || this.axes.length === 1)) this.onPick(iterationAt(this.axes[0], view.at));
    });
    // uPlot listens to the mouse alone; a finger moves across to zoom too.
    const fingers = { pointerdown: "mousedown", pointermove: "mousemove", pointerup: "mouseup", pointercancel: "mouseup" };
    for (const [finger, mouse] of Object.entries(fingers)) {
      over.addEventListener(finger, ({ pointerType, clientX, clientY }) => {
        if (pointerType !== "touch") return;
        // Cancelled, since the finger scrolls the page.
        if (finger === "pointercancel") this.plot.setSelect(NOTHING, false);
        over.dispatchEvent(new MouseEvent(mouse, { clientX, clientY, movementX: 1, bubbles: true }));
      });
    }
  }

  onKey(event) {
    const [from, to] = view.range || this.extent();
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    if (event.key in steps) {
      const at = Math.min(to, Math.max(from, (view.at ?? to) + (steps[event.key] * (to - from)) / 100));
      this.plot.setCursor({ left: this.plot.valToPos(at, "x"), top: 10 }, true, true);
    } else if (event.key === "+") zoom("in");
    else if (event.key === "-") zoom("out");
    else if (event.key === "Escape") zoom("all");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

// Where an iteration lies on the x axis that is shown, and the other way round.
function xOf(axis, iteration) {
  return view.by === "iterations" ? iteration : iteration <= 0 || !axis.last.length ? 0 : axis.seconds[nearest(axis.last, iteration)];
}

function iterationAt(axis, x) {
  return view.by === "iterations" ? x : axis.last[nearest(axis.seconds, x)];
}

function setRange(range) {
  view.range = range;
  for (const chart of charts) {
    const [min, max] = range || chart.extent();
    chart.plot.setScale("x", { min, max });
    chart.noteRange();
  }
}

function zoom(how) {
  const [least, most] = charts[0].extent();
  const [from, to] = view.range || [least, most];
  const centre = view.at !== null && view.at >= from && view.at <= to ? view.at : (from + to) / 2;
  const factor = how === "in" ? 0.5 : 2;
  const range = [centre - (centre - from) * factor, centre + (to - centre) * factor];
  const all = how === "all" || (range[0] <= least && range[1] >= most);
  setRange(all ? null : [Math.max(least, range[0]), Math.min(most, range[1])]);
}
