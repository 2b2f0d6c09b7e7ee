// The samples of one run.

if (data.pictures && data.pictures.length) {
  const image = document.getElementById("picture");
  // Kept, so that playing does not flicker.
  const loaded = data.pictures.map(() => null);
  const load = (place) => {
    if (place >= 0 && place < loaded.length && !loaded[place]) {
      loaded[place] = new Image();
      loaded[place].src = data.pictures[place].src;
    }
  };
  player = new Player(data.pictures.map((one) => one.at), (place) => {
    image.src = data.pictures[place].src;
    image.alt = `samples after ${data.pictures[place].at} iterations`;
    for (const near of [place - 1, place + 1, place + 2]) load(near);
  });
}
