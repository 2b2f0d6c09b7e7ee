// Puts charts and switches together.

const data = JSON.parse(document.getElementById("page-data").textContent);
let player = null;

for (const name of ["charts", "evaluations"]) {
  const parent = document.getElementById(name);
  for (const spec of parent ? data[name] : []) {
    charts.push(new Chart(parent, spec, data.axes, (iteration) => player && player.nearest(iteration)));
  }
}

function choose(buttons, chosen) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
}

for (const name of ["by", "scale"]) {
  const buttons = [...document.querySelectorAll(`[data-${name}]`)];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      choose(buttons, button);
      if (name === "by" && view.by !== button.dataset.by) Object.assign(view, { by: button.dataset.by, range: null, at: null });
      else if (name === "scale") view.log = button.dataset.scale === "log";
      rebuildAll();
    });
  }
}
for (const button of document.querySelectorAll("[data-raw]")) {
  button.addEventListener("click", () => {
    view.raw = !view.raw;
    button.setAttribute("aria-pressed", String(view.raw));
    rebuildAll();
  });
}
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => zoom(button.dataset.zoom));
}
for (const button of document.querySelectorAll("[data-run]")) {
  button.addEventListener("click", () => {
    const run = Number(button.dataset.run);
    if (!view.hidden.delete(run)) view.hidden.add(run);
    button.setAttribute("aria-pressed", String(!view.hidden.has(run)));
    rebuildAll();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rebuildAll);
