// A slider through images, with keys and a button that plays them.

const FRAME_MS = 350;

class Player {
  // `frames` are the iterations; `show` puts the images of one of them on the page.
  constructor(frames, show) {
    Object.assign(this, { frames, show, timer: null });
    this.slider = document.getElementById("when");
    this.words = document.getElementById("when-words");
    this.button = document.getElementById("play");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.button.addEventListener("click", () => this.toggle());
    document.addEventListener("keydown", (event) => this.onKey(event));
    this.go(frames.length - 1);
  }

  go(place) {
    this.place = Math.max(0, Math.min(this.frames.length - 1, place));
    this.slider.value = this.place;
    const words = `iteration ${this.frames[this.place].toLocaleString("en")}`;
    this.words.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    view.mark = this.frames[this.place];
    this.show(this.place);
    for (const chart of charts) chart.plot.redraw(false);
  }

  toggle() {
    const playing = this.timer !== null;
    if (playing) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      if (this.place === this.frames.length - 1) this.go(0);
      this.timer = setInterval(() => {
        this.go(this.place + 1);
        if (this.place === this.frames.length - 1) this.toggle();
      }, FRAME_MS);
    }
    this.button.textContent = playing ? "▶" : "❚❚";
    this.button.setAttribute("aria-label", playing ? "play" : "pause");
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (/^(INPUT|BUTTON|SUMMARY|CANVAS|A)$/.test(document.activeElement?.tagName)) return;
    const last = this.frames.length - 1;
    const places = { ArrowLeft: this.place - 1, ArrowRight: this.place + 1, Home: 0, End: last };
    if (event.key === " ") this.toggle();
    else if (event.key in places && !(event.key === "Home" || event.key === "End")) this.go(places[event.key]);
    else return;
    event.preventDefault();
  }

  nearest(iteration) {
    this.go(nearest(this.frames, iteration));
  }
}
