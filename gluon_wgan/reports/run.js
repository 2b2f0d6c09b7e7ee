// The samples of one run, raw and averaged. The last grids are in the page itself, for when it lies without samples/.

if (data.grids && data.grids.length) {
  const images = [...document.querySelectorAll("img[data-kind]")], last = data.grids.length - 1;
  const embedded = images.map((image) => image.src);
  const sourceOf = (place, image) => data.grids[place]?.[image.dataset.kind];
  // Kept, so that playing does not flicker.
  const loaded = new Map();
  const load = (source) => {
    if (!source || loaded.has(source)) return;
    loaded.set(source, Object.assign(new Image(), { src: source }));
  };
  const start = (present) => {
    if (!present) {
      document.getElementById("moved").hidden = false;
      for (const one of document.querySelectorAll(".player, #steps")) one.hidden = true;
      return;
    }
    player = new Player(data.grids.map((one) => one.at), (place) => {
      images.forEach((image, which) => {
        const source = sourceOf(place, image);
        image.src = source || (place === last ? embedded[which] : "data:,");
        image.hidden = !source && place !== last;
        image.alt = `${image.dataset.kind} samples after ${data.grids[place].at} iterations`;
        for (const near of [place - 1, place + 1, place + 2]) load(sourceOf(near, image));
      });
    });
  };
  const probe = Object.assign(new Image(), { onload: () => start(true), onerror: () => start(false) });
  probe.src = data.grids[last].samples;
}
