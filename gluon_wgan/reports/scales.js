// From numbers to pixels: ticks, labels, and where the visible part of a curve begins and ends.

const NICE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

function niceStep(span, most) {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = [1, 2, 5, 10].find((one) => one * power >= rough * 0.999);
  return found * power;
}

function timeStep(span, most) {
  const found = NICE_SECONDS.find((one) => span / one <= most);
  return found || niceStep(span / 86400, most) * 86400;
}

function linearTicks(low, high, step) {
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) ticks.push(n * step);
  return ticks;
}

function logTicks(low, high) {
  const decades = Math.log10(high / low);
  if (decades < 0.7) return linearTicks(low, high, niceStep(high - low, 5));
  const wanted = decades > 3 ? [1] : [1, 2, 5];
  const every = Math.max(1, Math.ceil(decades / 6));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += every) {
    for (const one of wanted) ticks.push(one * 10 ** power);
  }
  return ticks.filter((one) => one >= low * 0.999 && one <= high * 1.001);
}

function shortNumber(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(2)
    : size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  return text.replace("-", "−").replace("e+", "e");
}

// Writes ticks with as many decimals as the finest of them needs.
function tickWords(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const largest = Math.max(...ticks.map(Math.abs));
  if (step < 1e-4 || step >= 1 || largest >= 1000) return shortNumber;
  const decimals = Math.ceil(-Math.log10(step) - 1e-6);
  return (value) => value.toFixed(decimals).replace("-", "−");
}

function shortTime(seconds) {
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(whole / 86400), hours = Math.floor(whole / 3600) % 24, minutes = Math.floor(whole / 60) % 60;
  if (days) return `${days} d ${two(hours)}:${two(minutes)}`;
  if (whole >= 3600) return `${hours}:${two(minutes)}:${two(whole % 60)}`;
  return `${minutes}:${two(whole % 60)}`;
}

// The number of the first of the rising values that is not below x.
function firstFrom(values, x) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(values, x) {
  const after = Math.min(firstFrom(values, x), values.length - 1);
  return after > 0 && x - values[after - 1] < values[after] - x ? after - 1 : after;
}
