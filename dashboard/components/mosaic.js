// A grid of small pictures on one canvas, each with its soft label as a bar under it.

export function render({model}) {
  const canvas = make("canvas", {"aria-hidden": "true"})
  const stage = make("div", {className: "stage mosaic", tabIndex: 0, role: "application", "aria-roledescription": "picture"}, canvas)
  const title = make("h2", {}, model.title)
  const caption = make("p", {className: "caption"})
  const summary = make("p", {className: "summary"})
  let frame = null, pinned = false, sheet = null

  const rows = () => Math.ceil(model.count / model.columns)
  const BAR = 0.16  // height of the soft-label bar, in tiles
  const GAP = 0.08

  // All tiles, one below the other, at their own size: scaled up without smoothing when drawn.
  function read() {
    const [h, w, channels] = model.tile
    const pixels = numbers(Uint8Array, model.tiles)
    const image = new ImageData(w, Math.max(1, h * model.count))
    for (let i = 0; i < h * w * model.count; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels === 1 ? i : channels * i + c]
      image.data[4 * i + 3] = 255
    }
    sheet = make("canvas", {width: w, height: image.height})
    sheet.getContext("2d").putImageData(image, 0, 0)
    redraw()
  }

  function redraw() {
    frame ??= requestAnimationFrame(() => { frame = null; paint() })
  }

  function place(k, cell) {
    return [(k % model.columns) * cell * (1 + GAP), Math.floor(k / model.columns) * cell * (1 + BAR + GAP)]
  }

  function paint() {
    const ratio = window.devicePixelRatio || 1, [h, w] = model.tile
    const width = Math.round(stage.clientWidth * ratio)
    if (!width || !model.count) return
    const cell = width / (model.columns * (1 + GAP) - GAP)
    const height = Math.round(cell * (rows() * (1 + BAR + GAP) - GAP))
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
    const context = canvas.getContext("2d")
    context.clearRect(0, 0, width, height)
    context.imageSmoothingEnabled = false
    const labels = numbers(Float32Array, model.labels), classes = model.palette.length
    for (let k = 0; k < model.count; k++) {
      const [x, y] = place(k, cell)
      context.drawImage(sheet, 0, k * h, w, h, x, y, cell, cell)
      bar(labels.subarray(k * classes, (k + 1) * classes), (colour, from, share) => {
        context.fillStyle = colour
        context.fillRect(x + from * cell, y + cell * 1.02, share * cell, cell * (BAR - 0.04))
      })
    }
    if (model.pointed >= 0 && model.pointed < model.count) {
      const [x, y] = place(model.pointed, cell)
      context.lineWidth = 3 * ratio
      context.strokeStyle = "#e8a33d"
      context.strokeRect(x, y, cell, cell * (1 + BAR))
    }
    stage.dataset.painted = model.frame
    stage.dataset.paintedAt = performance.timeOrigin + performance.now()
  }

  function bar(soft, piece) {
    let from = 0
    soft.forEach((share, c) => {
      if (share > 0) piece(model.palette[c], from, share)
      from += share
    })
  }

  function at(event) {
    const box = stage.getBoundingClientRect()
    const column = Math.floor((event.clientX - box.left) / box.width * model.columns)
    const row = Math.floor((event.clientY - box.top) / box.height * rows())
    const k = row * model.columns + column
    return column >= 0 && column < model.columns && k >= 0 && k < model.count ? k : -1
  }
  const point = (k) => { if (k !== model.pointed) model.pointed = k }

  stage.addEventListener("pointermove", (event) => { if (!pinned && event.pointerType !== "touch") point(at(event)) })
  stage.addEventListener("click", (event) => { pinned = true; point(at(event)) })
  stage.addEventListener("pointerleave", () => { if (!pinned && stage.getRootNode().activeElement !== stage) point(-1) })
  stage.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -model.columns, ArrowDown: model.columns}[event.key]
    if (step) { pinned = true; point(model.pointed < 0 ? 0 : Math.max(0, Math.min(model.count - 1, model.pointed + step))) }
    else if (event.key === "Escape") { pinned = false; point(-1) }
    else return
    event.preventDefault()
  })

  async function png() {
    paint()
    const copy = make("canvas", {width: canvas.width, height: canvas.height}), context = copy.getContext("2d")
    context.fillStyle = page_colour(stage)
    context.fillRect(0, 0, copy.width, copy.height)
    context.drawImage(canvas, 0, 0)
    return copy
  }

  function svg() {
    const cell = 40, [h, w] = model.tile, classes = model.palette.length
    const width = cell * (model.columns * (1 + GAP) - GAP), height = cell * (rows() * (1 + BAR + GAP) - GAP)
    const root = shape("svg", {xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`})
    root.append(shape("title", {}, model.summary), shape("rect", {width, height, fill: page_colour(stage)}))
    const labels = numbers(Float32Array, model.labels), tile = make("canvas", {width: w, height: h})
    for (let k = 0; k < model.count; k++) {
      const [x, y] = place(k, cell)
      tile.getContext("2d").drawImage(sheet, 0, k * h, w, h, 0, 0, w, h)
      root.append(shape("image", {x, y, width: cell, height: cell, href: tile.toDataURL(), style: "image-rendering: pixelated", preserveAspectRatio: "none"}))
      bar(labels.subarray(k * classes, (k + 1) * classes), (colour, from, share) => root.append(shape("rect", {
        x: x + from * cell, y: y + cell * 1.02, width: share * cell, height: cell * (BAR - 0.04), fill: colour,
      })))
    }
    return root
  }

  function words() {
    title.textContent = model.title
    caption.replaceChildren(...model.caption.map(([name, value]) => make("span", {}, make("small", {}, name), make("b", {}, value))))
    summary.textContent = model.summary
    stage.setAttribute("aria-label", `${model.title}. ${model.summary} Arrow keys step through the pictures, Escape lets go.`)
  }

  model.on(["tiles", "tile", "count", "columns"], read)
  model.on(["labels", "palette", "pointed", "frame"], redraw)
  model.on(["title", "caption", "summary"], words)
  const watch = new ResizeObserver(redraw)
  watch.observe(stage)
  model.on("remove", () => watch.disconnect())
  words()
  read()
  return make("figure", {className: "picture"},
    make("div", {className: "head"}, title, save_buttons(model, png, svg)), stage, caption, summary)
}
