// A grid of small pictures on one canvas, each with its soft label as a bar under it.

export function render({model}) {
  const canvas = make("canvas", {"aria-hidden": "true"})
  const stage = make("div", {className: "stage mosaic", tabIndex: 0, role: "application", "aria-roledescription": "picture"}, canvas)
  const title = make("h2", {}, model.title)
  const caption = make("p", {className: "caption"})
  const summary = make("p", {className: "summary"})
  let frame = null, pinned = false, sheet = null, stale = true
  // What was read last: a look at the model costs too much to have one for every pixel.
  let count = 0, columns = 1, rows = 1, palette = [], labels = new Float32Array(0)

  const BAR = 0.16  // height of the soft-label bar, in tiles
  const GAP = 0.08

  // All tiles, one below the other, at their own size: scaled up without smoothing when drawn.
  function read() {
    const [h, w, channels] = model.tile
    const pixels = numbers(Uint8Array, model.tiles)
    count = model.count
    columns = model.columns
    rows = Math.ceil(count / columns)
    palette = model.palette
    labels = numbers(Float32Array, model.labels)
    const image = new ImageData(w, Math.max(1, h * count)), n = h * w * count
    for (let i = 0; i < n; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels === 1 ? i : channels * i + c]
      image.data[4 * i + 3] = 255
    }
    sheet = make("canvas", {width: w, height: image.height})
    // On the same side as the canvas that it is drawn on: to fetch it from the graphics takes longest of all.
    sheet.getContext("2d", {willReadFrequently: true}).putImageData(image, 0, 0)
    stale = false
  }

  // What was sent is painted as soon as all of it is there, for the next frame and not the one after.
  let sent = false
  function repaint() {
    if (!sent) queueMicrotask(() => { sent = false; paint() })
    sent = true
  }

  function redraw() {
    frame ??= requestAnimationFrame(() => { frame = null; paint() })
  }

  function place(k, cell) {
    return [(k % columns) * cell * (1 + GAP), Math.floor(k / columns) * cell * (1 + BAR + GAP)]
  }

  function paint(ratio = window.devicePixelRatio || 1) {
    if (stale) read()
    const [h, w] = model.tile
    const width = Math.round(stage.clientWidth * ratio)
    if (!width || !count) return
    const cell = width / (columns * (1 + GAP) - GAP)
    const height = Math.round(cell * (rows * (1 + BAR + GAP) - GAP))
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
    // Kept by the browser, not by its graphics: without a graphics card it is painted sooner.
    const context = canvas.getContext("2d", {willReadFrequently: true})
    context.clearRect(0, 0, width, height)
    context.imageSmoothingEnabled = false
    const classes = palette.length
    for (let k = 0; k < count; k++) {
      const [x, y] = place(k, cell)
      context.drawImage(sheet, 0, k * h, w, h, x, y, cell, cell)
      bar(labels.subarray(k * classes, (k + 1) * classes), (colour, from, share) => {
        context.fillStyle = colour
        context.fillRect(x + from * cell, y + cell * 1.02, share * cell, cell * (BAR - 0.04))
      })
    }
    const pointed = model.pointed
    if (pointed >= 0 && pointed < count) {
      const [x, y] = place(pointed, cell)
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
      if (share > 0) piece(palette[c], from, share)
      from += share
    })
  }

  function at(event) {
    const box = stage.getBoundingClientRect()
    const column = Math.floor((event.clientX - box.left) / box.width * columns)
    const row = Math.floor((event.clientY - box.top) / box.height * rows)
    const k = row * columns + column
    return column >= 0 && column < columns && k >= 0 && k < count ? k : -1
  }
  const point = (k) => { if (k !== model.pointed) model.pointed = k }

  stage.addEventListener("pointermove", (event) => { if (!pinned && event.pointerType !== "touch") point(at(event)) })
  stage.addEventListener("click", (event) => {
    const k = at(event)
    pinned = k >= 0
    point(k)
    if (pinned) window.dispatchEvent(new Event(PINNED))
  })
  stage.addEventListener("pointerleave", () => { if (!pinned) point(-1) })
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return  // the browser's own
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key]
    if (step) { pinned = true; point(model.pointed < 0 ? 0 : Math.max(0, Math.min(count - 1, model.pointed + step))) }
    else if (event.key === "Escape") { pinned = false; point(-1) }
    else return
    event.preventDefault()
  })

  async function png() {
    paint(3)  // fit for a slide
    const copy = make("canvas", {width: canvas.width, height: canvas.height}), context = copy.getContext("2d")
    context.fillStyle = page_colour(stage)
    context.fillRect(0, 0, copy.width, copy.height)
    context.drawImage(canvas, 0, 0)
    paint()
    return copy
  }

  function svg() {
    const cell = 40, [h, w] = model.tile, classes = palette.length
    const width = cell * (columns * (1 + GAP) - GAP), height = cell * (rows * (1 + BAR + GAP) - GAP)
    const root = shape("svg", {xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`})
    root.append(shape("title", {}, model.summary), shape("rect", {width, height, fill: page_colour(stage)}))
    const tile = make("canvas", {width: w, height: h})
    for (let k = 0; k < count; k++) {
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

  // Parameters that are sent together arrive one after the other: they are read once, before painting.
  model.on(["tiles", "tile", "count", "columns", "labels", "palette", "frame"], () => { stale = true; repaint() })
  model.on("pointed", redraw)
  model.on(["title", "caption", "summary"], words)
  const watch = new ResizeObserver(redraw)
  watch.observe(stage)
  model.on("remove", () => watch.disconnect())
  words()
  redraw()
  return make("figure", {className: "picture"},
    make("div", {className: "head"}, title, save_buttons(model, png, svg)), stage, caption, summary)
}
