// The weights: one bar a rank, w1 against the sum of the rest, and what the two theorems say here.

export function render({model}) {
  const bars = make("div", {className: "bars"})
  const words = make("p", {className: "words", "aria-live": "polite"})
  const share = make("div", {className: "share", role: "img"})

  function draw() {
    const shown = model.weights, width = 600, height = 76
    const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": model.summary})
    const step = width / shown.length
    shown.forEach(([rank, weight], i) => {
      const tall = Math.max(0.75, weight * height)
      const bar = shape("rect", {
        x: i * step + 1, width: Math.max(1, step - 2), y: height - tall, height: tall, rx: Math.min(2, step / 4),
        "fill-opacity": rank.includes("+") ? 0.45 : 1,
        fill: i === 0 ? "var(--zmix-first, #d1495b)" : "var(--zmix-rest, #4e79a7)",
      })
      bar.append(shape("title", {}, `${rank}: ${weight.toPrecision(4)}`))
      svg.append(bar)
    })
    // As many ranks are named as there is room for.
    const every = Math.max(1, Math.ceil(shown.length * 20 / (bars.clientWidth || width)))
    const names = shown.map(([rank], i) => {
      const name = make("span", {}, rank)
      if (i % every && !(i === shown.length - 1 && rank.includes("+"))) name.style.visibility = "hidden"
      return name
    })
    const last = shown.at(-1)[0]
    const title = last.includes("+") ? `Weight of each rank; ${last}: the rest in one bar` : "Weight of each rank"
    bars.replaceChildren(make("small", {}, title), svg, make("div", {className: "ranks"}, ...names))
    const first = shown.length ? shown[0][1] : 1
    const part = (text, size, name) => {
      const node = make("div", {className: name}, size > 0.25 ? text : "")
      node.style.flexGrow = Math.max(size, 1e-6)
      return node
    }
    share.replaceChildren(
      part(`w₁ ${(100 * first).toFixed(1)} %`, first, "first"),
      part(`others ${(100 * (1 - first)).toFixed(1)} %`, 1 - first, "rest"), make("i", {title: "one half"}))
    share.setAttribute("aria-label", `w1 is ${first.toFixed(4)}, all others together ${(1 - first).toFixed(4)}`)
    words.replaceChildren(...model.words.map(([text, kind]) => make("span", {className: kind}, text)))
  }

  // A picture to save holds its colours and its text itself.
  function svg() {
    const shown = model.weights, step = 640 / shown.length
    const root = shape("svg", {xmlns: SVG, width: 640, height: 240, viewBox: "0 0 640 240"})
    root.append(shape("rect", {width: 640, height: 240, fill: page_colour(bars)}))
    shown.forEach(([rank, weight], i) => {
      root.append(
        shape("rect", {x: i * step + 1, width: step - 2, y: 190 - 170 * weight, height: 170 * weight, fill: i ? "#4e79a7" : "#d1495b"}),
        shape("text", {x: (i + 0.5) * step, y: 204, "font-size": 9, "text-anchor": "middle", fill: GREY, "font-family": "sans-serif"}, rank))
    })
    root.append(shape("text", {x: 4, y: 228, "font-size": 12, fill: GREY, "font-family": "sans-serif"}, model.summary))
    return root
  }

  async function png() {
    const image = new Image()
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(svg()))
    await image.decode()
    const canvas = make("canvas", {width: 1280, height: 480})
    canvas.getContext("2d").drawImage(image, 0, 0, 1280, 480)
    return canvas
  }

  model.on(["weights", "words", "summary"], draw)
  const watch = new ResizeObserver(draw)
  watch.observe(share)
  model.on("remove", () => watch.disconnect())
  draw()
  return make("section", {className: "strip", "aria-label": model.title},
    make("div", {className: "body"}, bars, make("div", {className: "verdict"},
      make("div", {className: "line"}, share, save_buttons(model, png, svg)), words)))
}
