// The recipe of the sample pointed at: picture, soft label by class, parents with their weights.

export function render({model}) {
  const root = make("section", {className: "card", "aria-live": "polite", "aria-label": "Recipe of the sample pointed at"})

  function picture(pixels, [h, w, channels], k, size) {
    const canvas = make("canvas", {width: w, height: h, className: "pixels"})
    const image = new ImageData(w, h), from = k * h * w * channels
    for (let i = 0; i < h * w; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[from + (channels === 1 ? i : channels * i + c)]
      image.data[4 * i + 3] = 255
    }
    canvas.getContext("2d").putImageData(image, 0, 0)
    canvas.style.width = canvas.style.height = `${size}px`
    return canvas
  }

  function bar(name, share, colour, text) {
    const fill = make("i")
    fill.style.width = `${100 * share}%`
    fill.style.background = colour
    return make("div", {className: "bar"}, make("span", {className: "name"}, name), make("span", {className: "track"}, fill), make("span", {className: "number"}, text))
  }

  // As wide as the longest name, within reason, so that the bars of a list start in one line.
  const room = (names) => `${Math.min(22, Math.max(...names.map((name) => name.length + 1), 2))}ch`

  function draw() {
    const {title, hint, labels, parents, more, tile, oracle, judged} = model.card
    const pixels = numbers(Uint8Array, model.pixels)
    if (!title) {
      root.replaceChildren(make("p", {className: "hint"}, hint ?? ""))
      return
    }
    root.classList.add("used")  // from now on it keeps its room, so that nothing below it moves
    const left = make("div", {className: "what"})
    if (tile) left.append(picture(pixels, tile, 0, 140))
    const shares = (rows) => rows.map(([name, share, colour]) => bar(name, share, colour, share.toFixed(3)))
    const soft = make("div", {className: "soft"}, ...(oracle ? [make("h4", {}, "Soft label")] : []), ...shares(labels))
    if (oracle) soft.append(make("h4", {}, "The oracle's prediction"), ...shares(oracle), make("p", {className: "hint"}, judged))
    left.append(soft)
    const right = make("ol", {className: "parents"}, ...parents.map(([name, weight, colour], i) => {
      const item = make("li", {}, bar(name, weight, colour, weight.toFixed(4)))
      if (tile) item.prepend(picture(pixels, tile, i + 1, 44))
      return item
    }))
    left.style.setProperty("--name", room([...labels, ...(oracle ?? [])].map(([name]) => name)))
    right.style.setProperty("--name", room(parents.map(([name]) => name)))
    root.replaceChildren(make("div", {}, make("h3", {}, title), left),
      make("div", {className: "from"}, make("h3", {}, "Its parents, w₁ first"), right, make("p", {className: "hint"}, more)))
  }

  // Once the recipe is there, a moment after the click.
  const reveal = () => setTimeout(() => root.scrollIntoView({block: "nearest", behavior: "smooth"}), 300)
  window.addEventListener(PINNED, reveal)
  model.on("remove", () => window.removeEventListener(PINNED, reveal))
  model.on(["card", "pixels"], draw)
  draw()
  return root
}
