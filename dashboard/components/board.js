// A table of results: settings down, methods across, our numbers and below them the paper's.

export function render({model}) {
  const title = make("h2"), table = make("table"), note = make("p", {className: "hint"})
  const wide = make("div", {className: "wide", tabIndex: 0, role: "region"}, table)
  const summary = make("p", {className: "summary"})
  const save = (kind, ending) => make("button", {
    type: "button", className: "small", title: `Save as ${kind}`, onclick: () => model.send_msg({save: ending}),
  }, kind)
  const saves = [save("CSV", "csv"), save("Markdown", "md")]
  model.on("msg:custom", ({csv, md}) => {
    if (csv != null) download(`${model.file_name}.csv`, new Blob([csv], {type: "text/csv"}))
    if (md != null) download(`${model.file_name}.md`, new Blob([md], {type: "text/markdown"}))
  })

  // A new table must not take the focus from the button that asked for it.
  function button(name, props, ...children) {
    const made = make("button", {type: "button", ...props}, ...children)
    made.dataset.name = name
    return made
  }

  function column({name, title, colour, takes, now, pinned}) {
    const dot = make("i")
    dot.style.background = colour
    const [first, ...rest] = title.split(", ")
    const more = [...rest, ...(pinned ? ["trained here"] : [])].join(", ")
    const words = [dot, first, make("small", {}, more)]
    const head = make("th", {scope: "col", className: [now && "now", pinned && "pinned"].filter(Boolean).join(" ")})
    head.append(takes ? button(`column ${name}`, {title: takes, onclick: () => model.send_msg({taken: name})}, ...words)
      : make("span", {}, ...words))
    return head
  }

  function cell({ours, more, mark, best, said, paper, paper_best}, {now}) {
    const made = make("td", {className: now ? "now" : "", title: said ?? ""})
    if (ours) {
      const signs = {better: ["✓", "better"], worse: ["✗", "worse"]}[mark]
      made.append(make("span", {className: "ours"}, make(best ? "b" : "span", {}, ours), make("small", {}, more),
        ...(signs ? [make("i", {className: mark, role: "img", "aria-label": signs[1]}, signs[0])] : [])))
    }
    if (paper) made.append(make("span", {className: "paper"}, make(paper_best ? "b" : "span", {}, paper)))
    return made
  }

  function row({key, head, chosen, cells}) {
    const [first, ...rest] = head
    const start = make("th", {scope: "row"}, button(`row ${key}`, {"aria-pressed": chosen, title: "Show its differences and curves",
      onclick: () => model.send_msg({chosen: key})}, first, make("small", {}, rest.join(", "))))
    return make("tr", {className: chosen ? "chosen" : ""}, start, ...cells.map((it, k) => cell(it, model.columns[k])))
  }

  // In its box the chosen row comes into sight, and the column that was just trained.
  let last = null, pins = ""
  function reveal() {
    const pinned = model.columns.filter((it) => it.pinned).map((it) => it.name).join()
    if (pinned !== pins && wide.clientWidth) {
      pins = pinned
      const head = [...table.querySelectorAll("th.pinned")].at(-1)
      const end = head && head.offsetLeft + head.offsetWidth
      if (end > wide.scrollLeft + wide.clientWidth) wide.scrollLeft = end - wide.clientWidth
    }
    const chosen = table.querySelector("tr.chosen"), key = model.rows.find((it) => it.chosen)?.key
    if (!chosen || key === last || !wide.clientHeight) return
    last = key
    const head = table.tHead.offsetHeight, above = chosen.offsetTop - head < wide.scrollTop
    const below = chosen.offsetTop + chosen.offsetHeight > wide.scrollTop + wide.clientHeight
    if (above || below) wide.scrollTop = chosen.offsetTop - head
  }

  let frame = null
  function draw() {
    frame = null
    const focused = table.getRootNode().activeElement?.dataset?.name
    title.textContent = model.title
    wide.setAttribute("aria-label", model.title)
    for (const button of saves) button.setAttribute("aria-label", `Save ${model.title} as ${button.textContent}`)
    summary.textContent = model.summary
    note.textContent = model.note
    table.replaceChildren(...(model.rows.length ? [
      make("thead", {}, make("tr", {}, make("td"), ...model.columns.map(column))),
      make("tbody", {}, ...model.rows.map(row)),
    ] : []))
    if (focused) [...table.querySelectorAll("button")].find((it) => it.dataset.name === focused)?.focus()
    reveal()
  }
  // Rows and columns come one after the other: once both are there.
  model.on(["title", "summary", "columns", "rows", "note"], () => { frame ??= requestAnimationFrame(draw) })
  model.on("remove", () => cancelAnimationFrame(frame))
  model.on("after_render", reveal)
  draw()
  return make("figure", {className: "picture board"},
    make("div", {className: "head"}, title, make("span", {className: "save"}, ...saves)),
    wide, note, summary)
}
