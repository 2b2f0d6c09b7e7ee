// Numbers and times as text, and the nearest of rising values.

const SECOND_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 864000];
const WHOLE_STEPS = [...Array(10).keys()].flatMap((power) => [1, 2, 5].map((one) => one * 10 ** power));

function shortNumber(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(2)
    : size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  return text.replace("-", "−").replace("e+", "e");
}

// Rounds outwards to one digit, so that the range has ticks however narrow it is.
function logRange(low, high) {
  const rounded = (value, how) => how(value / 10 ** Math.floor(Math.log10(value))) * 10 ** Math.floor(Math.log10(value));
  const range = [rounded(low, Math.floor), rounded(high, Math.ceil)];
  return range[0] < range[1] ? range : [range[0] / 2, range[1] * 2];
}

// Writes ticks with as many decimals as their step has.
function tickText(step) {
  if (step < 1e-4 || step >= 1) return shortNumber;
  const decimals = String(Number(step.toPrecision(3))).split(".")[1].length;
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

// The place of the first of the rising values that is not below x, or the one before it if that is nearer.
function nearest(values, x) {
  let low = 0, high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low > 0 && x - values[low - 1] < values[low] - x ? low - 1 : low;
}
