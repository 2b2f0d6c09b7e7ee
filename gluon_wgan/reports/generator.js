// Samples, a mixture of four latents, and a walk through latents, all drawn here.

const data = JSON.parse(document.getElementById("page-data").textContent);
const { nz, nc, size, count, corners, keyframes, steps, strip } = data;
const FRAME_MS = 1000 / 12, SLICE_MS = 30;
const network = new Network(data.layers);
const given = decode(data.latents, Float32Array);
const one = (id) => document.getElementById(id);
const all = (selector) => [...document.querySelectorAll(selector)];
const samples = all("#samples canvas"), cornerImages = all(".corner"), frames = all("#strip canvas");
let latents = [];
let turn = 0, timer = null;

function show(canvas, latent) {
  const bytes = network.draw(latent), area = size * size, image = new ImageData(size, size);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * at + channel] = bytes[(channel % nc) * area + at];
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Uniform numbers in [0, 1): Mulberry32.
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function drawn(seed) {
  const random = uniform(seed), limit = data.truncate ?? Infinity;
  // Box and Muller's rule for a normal number.
  const next = () => (data.latent === "uniform" ? 2 * random() - 1 : Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
  return Float32Array.from({ length: count * nz }, () => {
    let number = next();
    while (Math.abs(number) > limit) number = next();
    return number;
  });
}

// On the great circle for normal latents, straight for uniform ones, as `generate --interpolate` goes.
function between(start, end, share) {
  const product = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);
  const cosine = product(start, end) / Math.sqrt(product(start, start) * product(end, end));
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine))), sine = Math.sin(angle);
  const straight = data.latent === "uniform" || sine < 1e-6;
  const first = straight ? 1 - share : Math.sin((1 - share) * angle) / sine;
  const second = straight ? share : Math.sin(share * angle) / sine;
  return start.map((value, at) => first * value + second * end[at]);
}

function showMix() {
  const [across, down] = ["across", "down"].map((id) => Number(one(id).value) / 100);
  const top = between(latents[0], latents[1], across), bottom = between(latents[2], latents[3], across);
  show(one("mix"), between(top, bottom, down));
}

function onWalk(frame) {
  const leg = Math.floor(frame / steps) % keyframes;
  return between(latents[leg], latents[(leg + 1) % keyframes], (frame % steps) / steps);
}

function showFrame() {
  const frame = Number(one("when").value), leg = Math.floor(frame / steps) % keyframes;
  one("when-words").textContent = `sample ${leg + 1} to ${((leg + 1) % keyframes) + 1}`;
  show(one("walk"), onWalk(frame));
}

function play() {
  const playing = timer !== null;
  if (playing) clearInterval(timer);
  timer = playing ? null : setInterval(() => {
    one("when").value = (Number(one("when").value) + 1) % (keyframes * steps);
    showFrame();
  }, FRAME_MS);
  one("play").textContent = playing ? "▶" : "❚❚";
  one("play").setAttribute("aria-label", playing ? "play" : "pause");
}

// A few images at a time, so that the page answers meanwhile; a newer call takes over.
function inTurn(jobs) {
  const mine = ++turn;
  const some = () => {
    const end = performance.now() + SLICE_MS;
    while (mine === turn && jobs.length && performance.now() < end) jobs.shift()();
    if (mine === turn && jobs.length) setTimeout(some);
    else if (mine === turn) document.querySelector("main").setAttribute("aria-busy", "false");
  };
  document.querySelector("main").setAttribute("aria-busy", "true");
  some();
}

function use(numbers, words) {
  latents = Array.from({ length: count }, (_, number) => numbers.slice(number * nz, (number + 1) * nz));
  one("which").textContent = words;
  inTurn([
    ...samples.map((canvas, number) => () => show(canvas, latents[number])),
    ...cornerImages.map((canvas, number) => () => show(canvas, latents[number])),
    showMix,
    showFrame,
    ...frames.map((canvas, number) => () => show(canvas, onWalk((number * steps) / strip))),
  ]);
}

function useSeed() {
  const seed = Number(one("seed").value);
  if (one("seed").value === "" || !one("seed").reportValidity()) return;
  use(drawn(seed), `Latents of seed ${seed} of this page's own random numbers.`);
}

function useGiven() {
  one("seed").value = "";
  use(given, `The latents of ${data.origin}.`);
}

// Gluon's images of the first latents are in the page.
function check() {
  const wanted = decode(data.wanted, Uint8Array), images = wanted.length / (nc * size * size);
  let most = 0;
  for (let number = 0; number < images; number++) {
    const bytes = network.draw(given.slice(number * nz, (number + 1) * nz));
    bytes.forEach((value, at) => { most = Math.max(most, Math.abs(value - wanted[number * bytes.length + at])); });
  }
  one("check").textContent = `In this browser the first ${images} images differ from Gluon's by at most ${most} of 255 levels.`;
}

one("new").addEventListener("click", () => {
  one("seed").value = one("seed").value === "" ? 1 : (Number(one("seed").value) + 1) % 4294967296;
  useSeed();
});
one("seed").addEventListener("change", useSeed);
one("first").addEventListener("click", useGiven);
for (const id of ["across", "down"]) one(id).addEventListener("input", showMix);
one("when").addEventListener("input", showFrame);
one("play").addEventListener("click", play);
check();
useGiven();
