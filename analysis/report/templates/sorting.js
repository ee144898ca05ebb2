for (const table of document.querySelectorAll(".box table")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const key = (row, place) => {
    const { value } = row.cells[place].dataset;
    return value === undefined ? row.cells[place].textContent : Number(value);
  };
  const sort = (place, order) => {
    const sign = order === "ascending" ? 1 : -1;
    const compare = (one, other) => {
      const [a, b] = [key(one, place), key(other, place)];
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1; // what has no value comes last
      return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en"));
    };
    body.append(...[...body.rows].sort(compare));
    heads.forEach(head => head.removeAttribute("aria-sort"));
    heads[place].setAttribute("aria-sort", order);
  };
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const usual = head.classList.contains("n") ? ["descending", "ascending"] : ["ascending", "descending"];
      sort(place, head.getAttribute("aria-sort") === usual[0] ? usual[1] : usual[0]);
    });
  });
}
