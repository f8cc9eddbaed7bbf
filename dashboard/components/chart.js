// A plot by Bokeh, its words and files, and where it has one the handle on gamma.

// A page may be laid out while a figure on it is still being made, in a tab that comes to the front again:
// Bokeh 3.9 fails on that, so there a figure without a layout waits for its turn.
const plots = window.Bokeh?.Models.get("Plot").prototype.default_view.prototype
if (plots && !plots.zmix_waits) {
  for (const step of ["_measure_layout", "_after_layout"]) {
    const take = plots[step]
    plots[step] = function() { if (this.layout) take.call(this) }
  }
  plots.zmix_waits = true
}

export function render({model}) {
  const figure = model.figure
  const title = make("h2", {}, model.title)
  const caption = make("p", {className: "caption"})
  const summary = make("p", {className: "summary"})
  const picture = make("div", {role: "img"}, model.get_child("figure"))
  const plot = make("div", {className: "plot"}, picture)

  const view = () => window.Bokeh?.index.find_one(figure) ?? null
  const named = (name) => [...figure.renderers, ...figure.center].find((r) => r.name === name)

  function words() {
    title.textContent = model.title
    caption.replaceChildren(...model.caption.map(([name, value]) => make("span", {}, make("small", {}, name), make("b", {}, value))))
    summary.textContent = model.summary
    const keys = model.handle ? " The present γ is the slider on this picture, and the one named γ." : ""
    picture.setAttribute("aria-label", `${model.title}. ${model.summary}${keys}`)
  }

  // What is drawn is also what is saved; a page's background is not part of Bokeh's picture.
  function svg() {
    const shown = view(), {width, height} = shown.bbox
    const root = shown.export("svg").ctx.get_svg().cloneNode(true)
    for (const [key, value] of Object.entries({width, height, viewBox: `0 0 ${width} ${height}`})) root.setAttribute(key, value)
    root.prepend(shape("title", {}, model.summary), shape("rect", {width, height, fill: page_colour(plot)}))
    return root
  }

  async function png() {
    const root = svg(), [width, height] = ["width", "height"].map((key) => Number(root.getAttribute(key)))
    const image = new Image(), scale = 3  // fit for a slide
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(root))
    await image.decode()
    const canvas = make("canvas", {width: scale * width, height: scale * height})
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height)
    return canvas
  }

  // Names of curves in a smaller size where there is little room, whatever the page's theme says.
  const legend = figure.above.find((part) => part.items)
  function fit() {
    const size = plot.clientWidth < 480 ? "12px" : "14px"
    if (legend && plot.clientWidth && legend.label_text_font_size !== size) legend.setv({label_text_font_size: size}, {sync: false})
  }
  const watch = new ResizeObserver(fit)
  watch.observe(plot)
  const sizes = figure.properties.inner_height.change
  sizes.connect(fit)
  model.on("remove", () => {
    watch.disconnect()
    sizes.disconnect(fit)
  })

  model.on(["title", "caption", "summary"], words)
  words()
  if (model.handle) grip(model, figure, plot, view, named)
  return make("figure", {className: "picture"},
    make("div", {className: "head"}, title, save_buttons(model, png, svg)), plot, caption, summary)
}

// The present gamma: a line across the plot with a grip on it, and knobs that ride on the curves.
function grip(model, figure, plot, view, named) {
  const tag = make("span", {className: "tag"})
  const handle = make("div", {className: "handle", role: "slider", tabIndex: 0, title: "Drag to change γ", hidden: true}, tag)
  handle.setAttribute("aria-label", "γ on the curve")
  plot.append(handle)
  const present = named("present"), knobs = named("knobs").data_source
  const curve = figure.renderers.find((r) => r.data_source?.name === "curve").data_source
  let gamma = model.gamma, frame = null

  const tidy = (v) => Number(Math.min(model.high, Math.max(model.low, v)).toPrecision(12))
  const set = (v) => {
    v = tidy(v)
    if (v === gamma) return
    model.gamma = gamma = v
    draw()
  }

  // The curve between the two gammas next to this one; nothing is made up beyond its ends.
  function height(column, at) {
    const xs = curve.data.gamma ?? [], ys = curve.data[column] ?? []
    for (let i = 0; i < xs.length; i++) {
      if (xs[i] === at) return ys[i]
      if (i && xs[i - 1] < at && at < xs[i]) return ys[i - 1] + (ys[i] - ys[i - 1]) * (at - xs[i - 1]) / (xs[i] - xs[i - 1])
    }
    return NaN
  }

  // The browser moves them by itself, so that they are under the pointer at once; Python need not know.
  function draw() {
    const here = model.here, colours = knobs.data.colour
    const y = Array.from(colours, (_, i) => here[0] === gamma ? here[i + 1] ?? NaN : height(`mean${i}`, gamma))
    present.setv({location: gamma}, {sync: false})
    knobs.setv({data: {...knobs.data, x: y.map(() => gamma), y}}, {sync: false})
    tag.textContent = `γ = ${Number(gamma.toPrecision(4))}`
    handle.setAttribute("aria-valuemin", model.low)
    handle.setAttribute("aria-valuemax", model.high)
    handle.setAttribute("aria-valuenow", gamma)
    frame ??= requestAnimationFrame(place)
  }

  function place() {
    frame = null
    const shown = view(), box = shown?.frame?.bbox
    if (!box?.width) {
      if (plot.isConnected) frame = requestAnimationFrame(place)
      return
    }
    const x = shown.frame.x_scale.compute(gamma)
    handle.hidden = x < box.left - 1 || x > box.right + 1
    handle.style.left = `${x}px`
    handle.style.top = `${box.top}px`
    handle.style.height = `${box.height}px`
    // The tag stays within the plot.
    const half = tag.offsetWidth / 2, over = Math.max(0, x + half - plot.clientWidth) - Math.max(0, half - x)
    tag.style.transform = `translateX(calc(-50% - ${over}px))`
  }

  const under = (event) => view().frame.x_scale.invert(event.clientX - grabbed - plot.getBoundingClientRect().left)
  let grabbed = null  // how far from the line the pointer took hold
  handle.addEventListener("pointerdown", (event) => {
    if (event.button) return
    grabbed = event.clientX - plot.getBoundingClientRect().left - view().frame.x_scale.compute(gamma)
    handle.setPointerCapture(event.pointerId)
  })
  handle.addEventListener("pointermove", (event) => {
    if (grabbed !== null) set(Math.round(under(event) / model.step) * model.step)
  })
  for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => { grabbed = null })
  handle.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return  // the browser's own
    const steps = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10}[event.key]
    const ends = {Home: model.low, End: model.high}[event.key]
    if (steps) set(gamma + steps * model.step)
    else if (ends !== undefined) set(ends)
    else return
    event.preventDefault()
  })

  model.on("gamma", () => { gamma = model.gamma; draw() })
  model.on(["here", "low", "high"], draw)
  // Bokeh tells these; they end with this view of the component.
  const signals = [curve.properties.data, figure.properties.inner_width, figure.properties.inner_height, figure.x_range].map((it) => it.change)
  signals.forEach((signal) => signal.connect(draw))
  const watch = new ResizeObserver(draw)
  watch.observe(plot)
  model.on("remove", () => {
    watch.disconnect()
    signals.forEach((signal) => signal.disconnect(draw))
  })
  draw()
}
