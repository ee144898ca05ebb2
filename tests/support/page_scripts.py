"""What a browser is asked of a report.html, and done to it there: the scripts of ask_page()."""

# How wide the page is, and the room that it has, in frames of these widths.
SIDEWAYS = """
const frame = document.querySelector("iframe");
return WIDTHS.map(width => {
  frame.style.width = `${width}px`;
  return [doc.documentElement.scrollWidth, doc.documentElement.clientWidth];
});
"""
# The contrast of every text that is seen with what is behind it, and of every line; below 4.5 (lines 3) it is told.
CONTRASTS = """
const parts = colour => colour.match(/[\\d.]+/g).map(Number);
const light = colour => {
  const [r, g, b] = parts(colour).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (let each = element; each; each = each.parentElement) {
    const colour = win.getComputedStyle(each).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
const measure = (element, colour) => {
  const [one, other] = [light(colour), light(behind(element))];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
};
for (const each of doc.querySelectorAll("details")) each.open = true;
const texts = [...doc.body.querySelectorAll("*")].filter(each =>
  each.getClientRects().length && !each.closest("svg, script") &&
  [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
const lines = [...doc.querySelectorAll("svg .line")];
const pale = [];
for (const each of texts) {
  const contrast = measure(each, win.getComputedStyle(each).color);
  if (contrast < 4.5) pale.push([each.className || each.tagName, each.textContent.slice(0, 30), contrast]);
}
for (const each of lines) {
  const contrast = measure(each.closest(".plot"), win.getComputedStyle(each).stroke);
  if (contrast < 3) pale.push([each.getAttribute("class"), contrast]);
}
return {texts: texts.length, lines: lines.length, pale, paper: light(behind(doc.body))};
"""
# Points at the picture of a section, PLACE of its width from its left and PART of its height from its top.
POINT = """
const box = doc.querySelector("BOX"), picture = box.querySelector("svg");
const point = (what, kind, on = picture) => {
  const plot = picture.getBoundingClientRect();
  const at = {clientX: plot.left + plot.width * PLACE, clientY: plot.top + plot.height * PART};
  on.dispatchEvent(new win.PointerEvent(what, {bubbles: true, pointerType: kind, ...at}));
};
const read = () => Object.fromEntries([
  ...[...box.querySelectorAll("[data-values]")].map(each => [each.firstChild.textContent, each.lastChild.textContent]),
  ["clock", box.classList.contains("reading") && box.querySelector(".clock").textContent],
]);
"""
MOUSE = (
    'point("pointermove", "mouse"); const found = read(); point("pointerleave", "mouse", box); return [found, read()];'
)
FINGER = """
point("pointerdown", "touch"); point("pointerup", "touch"); point("pointerleave", "touch", box);
const stays = read();
point("pointerdown", "touch", doc.querySelector("h1"));
return [stays, read()];
"""
SORT = """
const table = doc.querySelector("#baseline [aria-label='Endpoints, baseline'] table");
for (const each of doc.querySelectorAll("details")) each.open = true;
const heads = [...table.tHead.rows[0].cells];
const column = place => [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
const press = place => {
  const button = heads[place].querySelector("button");
  button.focus();
  const focused = doc.activeElement === button;
  button.click();
  return [focused, heads.map(head => head.getAttribute("aria-sort")), column(place)];
};
const place = heads.findIndex(head => head.textContent === "longest ms");
return {before: column(0), down: press(place), up: press(place), name: press(0)};
"""
# What is printed: the rules for paper hold, on a page of A4 between its margins.
ON_PAPER = """
for (const rule of [...doc.styleSheets[0].cssRules].filter(rule => rule.media))
  rule.media.mediaText = rule.media.mediaText === "print" ? "all" : "not all";
win.dispatchEvent(new win.Event("beforeprint"));
const texts = [...doc.querySelectorAll(".labels span, .times i, .marks i, .ticks i, .across i, .name, h2, h4, td, th")];
const seen = texts.filter(each => each.getClientRects().length && each.textContent.trim());
const box = each => {
  const range = doc.createRange();
  range.selectNodeContents(each);
  return range.getBoundingClientRect();
};
const width = doc.documentElement.clientWidth;
const cut = seen.filter(each => box(each).left < -0.5 || box(each).right > width + 0.5);
const hidden = seen.filter(each => {
  const room = each.closest(".marks") && each.closest(".marks").getBoundingClientRect();
  return room && (box(each).right > room.right + 0.5 || box(each).left < room.left - 0.5);
});
const axes = [...doc.querySelectorAll(".times, .across")].map(each => {
  const whole = each.closest(".whole, .chart");
  return win.getComputedStyle(whole).breakInside === "avoid" && whole.querySelector("svg") !== null;
});
const closed = doc.querySelectorAll("details:not([open])").length;
win.dispatchEvent(new win.Event("afterprint"));
const words = list => list.map(each => [each.className || each.tagName, each.textContent.slice(0, 40)]);
const again = doc.querySelectorAll("details:not([open])").length;
return {seen: seen.length, cut: words(cut), hidden: words(hidden), axes, closed, again};
"""
AXE = """
const script = doc.createElement("script");
script.textContent = SOURCE;
doc.head.append(script);
for (const each of doc.querySelectorAll("details")) each.open = OPEN;
const found = await win.axe.run(doc, {resultTypes: ["violations"]});
const say = each => [each.id, each.nodes.length, each.nodes[0].html.slice(0, 200)];
return [found.passes.length, found.violations.map(say)];
"""
