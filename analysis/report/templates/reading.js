const unfold = text => text.split(" ").flatMap(word => {
  const [value, times] = word.split("*");
  return Array(Number(times || 1)).fill(value);
});
const clock = seconds => {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(String);
  return (hours === "0" ? minutes : hours + ":" + minutes.padStart(2, "0")) + ":" + rest.padStart(2, "0");
};
// Where the pointer is: the number of the reading, how far from the left it stands, and its name.
const findStretch = (box, x) => {
  const [seconds, step] = [Number(box.dataset.seconds), Number(box.dataset.step)];
  if (step === 1) {
    const second = Math.min(Math.round(x * seconds), Math.ceil(seconds) - 1);
    return [second, second / seconds, clock(second)];
  }
  const number = Math.min(Math.floor(x * seconds / step), Math.ceil(seconds / step) - 1), first = number * step;
  const last = Math.min(first + step, Math.ceil(seconds)) - 1;
  return [number, Math.min(1, (first + step / 2) / seconds), clock(first) + "–" + clock(last)];
};
const findPoint = (box, x, y) => {
  let nearest, least = Infinity;
  for (const dots of box.querySelectorAll(".dots")) {
    [...dots.getAttribute("d").matchAll(/M(\d+) (\d+)/g)].forEach(([, across, down], number) => {
      const far = Math.abs(across / 2000 - x) + Math.abs(down / 1000 - y) / 8;
      if (far < least) [nearest, least] = [number, far];
    });
  }
  return [nearest, box.dataset.places.split(" ")[nearest] / 100, box.dataset.names.split("|")[nearest]];
};
for (const box of document.querySelectorAll(".lines, .chart")) {
  const labels = [...box.querySelectorAll("[data-values]")], readings = new Map();
  const hide = () => {
    box.classList.remove("reading");
    for (const label of labels) label.lastChild.textContent = "";
  };
  const show = event => {
    const picture = [...box.querySelectorAll("svg")].find(each => each.getClientRects().length);
    if (!picture) return;
    const plot = picture.getBoundingClientRect();
    const x = (event.clientX - plot.left) / plot.width, y = (event.clientY - plot.top) / plot.height;
    if (x < 0 || x > 1) return event.pointerType === "mouse" ? hide() : undefined;
    const [number, at, name] = box.dataset.step ? findStretch(box, x) : findPoint(box, x, y);
    box.classList.add("reading");
    box.style.setProperty("--at", at);
    for (const each of box.querySelectorAll(".clock")) each.textContent = name;
    for (const label of labels) {
      if (!readings.has(label)) readings.set(label, unfold(label.dataset.values));
      label.lastChild.textContent = (readings.get(label)[number] ?? "–").replace("~", " to ");
    }
  };
  box.addEventListener("pointermove", show);
  box.addEventListener("pointerdown", show);
  // A finger that is lifted leaves too: what it read stays until something else is touched.
  box.addEventListener("pointerleave", event => event.pointerType === "touch" || hide());
  addEventListener("pointerdown", event => box.contains(event.target) || hide());
}
