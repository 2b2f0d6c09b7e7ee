// The samples of several runs after the same number of iterations.

if (data.iterations.length) {
  const figures = [...document.querySelectorAll("[data-samples-of]")];
  player = new Player(data.iterations, (place) => {
    figures.forEach((figure, run) => {
      const at = data.frames[place][run];
      const image = figure.querySelector("img"), words = figure.querySelector("output");
      image.hidden = at === null;
      if (at !== null) image.src = data.images[run][at];
      image.alt = at === null ? "" : `samples after ${at} iterations`;
      words.textContent = at === null ? "no sample so early" : `iteration ${at.toLocaleString("en")}`;
      figure.classList.toggle("other", at !== data.iterations[place]);
    });
  });
}
