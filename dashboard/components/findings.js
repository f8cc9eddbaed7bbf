// What is decided between two methods: a verdict a line with the interval it rests on, and a table of numbers.

export function render({model}) {
  const verdicts = make("ul", {className: "verdicts", "aria-live": "polite"})
  const table = make("table")
  const note = make("p", {className: "hint"})
  const root = make("section", {className: "findings"}, verdicts, make("div", {className: "wide"}, table), note)

  function row(kind, cells) {
    return make("tr", {}, ...cells.map((cell, i) => make(kind === "th" || i === 0 ? "th" : "td", kind === "th" ? {scope: "col"} : i === 0 ? {scope: "row"} : {}, cell)))
  }

  function draw() {
    root.setAttribute("aria-label", model.label)
    verdicts.replaceChildren(...model.verdicts.map(([mark, words, basis]) =>
      make("li", {className: mark}, make("b", {}, words), " ", make("span", {}, basis))))
    table.replaceChildren(...(model.header.length ? [
      make("thead", {}, row("th", model.header)),
      make("tbody", {}, ...model.rows.map((cells) => row("td", cells))),
    ] : []))
    note.textContent = model.note
  }
  model.on(["label", "verdicts", "header", "rows", "note"], draw)
  draw()
  return root
}
