// Points of one panel in two or three dimensions, painted by WebGL, and over them the frame, the parents of the
// sample pointed at and their lines. Panels of one group share one camera.

const cameras = new Map()
const HOME = [-60, 25, 1, 0, 0]  // azimuth and elevation in degrees, zoom, pan in units of the half picture

function shared_camera(group, camera) {
  if (!cameras.has(group)) cameras.set(group, {camera: [...(camera.length ? camera : HOME)], panels: new Set()})
  return cameras.get(group)
}

export function render({model, el}) {
  // Kept by the browser, not by its graphics: without a graphics card that opens the page sooner.
  const canvas = make("canvas", {"aria-hidden": "true"}), context = canvas.getContext("2d", {willReadFrequently: true})
  const stage = make("div", {className: "stage", tabIndex: 0, role: "application", "aria-roledescription": "picture"}, canvas)
  const title = make("h2", {}, model.title)
  const caption = make("p", {className: "caption"})
  const summary = make("p", {className: "summary"})
  const note = make("p", {className: "note", hidden: true},
    "This browser has no WebGL: the points are drawn without it, more slowly.")
  const painter = webgl_painter() ?? plain_painter()
  note.hidden = !painter.plain

  const rig = shared_camera(model.group, model.camera)
  const panel = {redraw}
  rig.panels.add(panel)
  let base = new Float32Array(0), points = base
  let base_colours = new Uint8Array(0), colours = base_colours, grey = base_colours
  let pinned = false, frame = null, moved = null, stale = true

  function read() {
    painter.drop(base, grey, points, colours)
    points = numbers(Float32Array, model.points)
    colours = numbers(Uint8Array, model.colours)
    base = numbers(Float32Array, model.base)
    base_colours = numbers(Uint8Array, model.base_colours)
    grey = new Uint8Array(base.length / 3 * 4)
    for (let i = 0; i < grey.length; i += 4) grey.set([150, 155, 163, 120], i)
    stale = false
  }

  function eye(width, height) {
    const [azimuth, elevation, zoom, px, py] = rig.camera
    const [cx, cy, cz, half] = model.bounds
    const a = azimuth * Math.PI / 180, e = elevation * Math.PI / 180
    const axes = model.dims === 2
      ? {right: [1, 0, 0], up: [0, 1, 0], ahead: [0, 0, 1], deep: 0}
      : {
        right: [-Math.sin(a), Math.cos(a), 0],
        up: [-Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a), Math.cos(e)],
        ahead: [Math.cos(e) * Math.cos(a), Math.cos(e) * Math.sin(a), Math.sin(e)], deep: 1,
      }
    const s = 0.94 * zoom / half, small = Math.min(width, height)
    return {centre: [cx, cy, cz], half, scale: [s * small / width, s * small / height], pan: [px, py], ...axes}
  }

  // A thousand points fill the picture with dots of some 6 pixels, eight thousand with 3.
  const dot = (n, width) => Math.max(2, Math.min(9, 1.1 * width / Math.sqrt(Math.max(n, 400)) / 2.6)) * Math.sqrt(rig.camera[2])

  function clouds(width) {
    const out = []
    if (model.ghost) out.push({points: base, colours: grey, size: 0.7 * dot(base.length / 3, width), behind: model.dims === 2})
    out.push({points, colours, size: dot(points.length / 3, width)})
    return out
  }

  function redraw() {
    frame ??= requestAnimationFrame(() => { frame = null; paint() })
  }

  // What was sent is painted as soon as all of it is there, for the next frame and not the one after.
  let sent = false
  function repaint() {
    if (!sent) queueMicrotask(() => { sent = false; paint() })
    sent = true
  }

  function paint(ratio = window.devicePixelRatio || 1) {
    if (stale) read()
    const width = Math.round(stage.clientWidth * ratio), height = Math.round(stage.clientHeight * ratio)
    if (!width || !height) return
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
    const at = eye(width, height)
    context.clearRect(0, 0, width, height)
    painter.paint(context, clouds(width), at)
    draw_marks(context, marks(at, width, height, ratio))
    // What a test or a stopwatch needs: which frame of data is on screen, and since when.
    stage.dataset.painted = model.frame
    stage.dataset.paintedAt = performance.timeOrigin + performance.now()
  }

  // What lies over the points: axes, and the parents of the sample pointed at with lines as thick as weights.
  function marks(at, width, height, ratio) {
    const out = model.dims === 3 ? tripod(model.axes, at, height, ratio) : ticks(at, width, height, ratio)
    const k = model.pointed
    if (k < 0 || 3 * k >= points.length) return out
    const [[x], [y]] = project(points.subarray(3 * k, 3 * k + 3), at, width, height)
    const lines = numbers(Float32Array, model.lines)
    for (let i = lines.length - 2; i >= 0; i -= 2) {
      const j = lines[i], weight = lines[i + 1]
      if (3 * j + 3 > base.length) continue
      const [[px], [py]] = project(base.subarray(3 * j, 3 * j + 3), at, width, height)
      const colour = `rgb(${base_colours.subarray(4 * j, 4 * j + 3).join()})`
      out.push(line(px, py, x, y, colour, ratio * (0.6 + 7 * weight)), disc(px, py, ratio * (3.5 + 4 * weight), colour, ratio))
    }
    out.push(triangle(x, y, 8 * ratio, `rgb(${colours.subarray(4 * k, 4 * k + 3).join()})`, 1.5 * ratio))
    return out
  }

  function turn(change) {
    const camera = [...rig.camera]
    change(camera)
    camera[0] = ((camera[0] + 180) % 360 + 360) % 360 - 180
    for (const [i, least, most] of [[1, -90, 90], [2, 0.2, 40], [3, -20, 20], [4, -20, 20]]) {
      camera[i] = Math.max(least, Math.min(most, camera[i]))
    }
    rig.camera = camera
    rig.panels.forEach((one) => one.redraw())
    clearTimeout(moved)
    moved = setTimeout(() => { moved = null; model.camera = rig.camera.map((v) => Number(v.toFixed(3))) }, 150)
  }

  const home = () => turn((c) => { c.splice(0, 5, ...(model.dims === 3 ? HOME : [c[0], c[1], 1, 0, 0])) })

  function nearest(event) {
    const box = stage.getBoundingClientRect()
    const at = eye(box.width, box.height), [x, y, depth] = project(points, at, box.width, box.height)
    const mx = event.clientX - box.left, my = event.clientY - box.top
    let best = -1, least = (event.pointerType === "touch" ? 24 : 12) ** 2
    for (let i = 0; i < x.length; i++) {
      // Of two that are as near, the one in front.
      const d = (x[i] - mx) ** 2 + (y[i] - my) ** 2 - 2 * at.deep * depth[i]
      if (d < least) { least = d; best = i }
    }
    return best
  }

  function point(k) {
    if (k !== model.pointed) model.pointed = k
  }

  let grip = null, hover = null
  stage.addEventListener("pointerdown", (event) => {
    grip = {x: event.clientX, y: event.clientY, far: false, pan: model.dims === 2 || event.shiftKey || event.button === 2}
    stage.setPointerCapture(event.pointerId)
  })
  stage.addEventListener("pointermove", (event) => {
    if (grip) {
      const dx = event.clientX - grip.x, dy = event.clientY - grip.y
      if (!grip.far && Math.hypot(dx, dy) < 4) return
      Object.assign(grip, {x: event.clientX, y: event.clientY, far: true})
      turn((c) => {
        if (grip.pan) { c[3] += 2 * dx / stage.clientWidth; c[4] -= 2 * dy / stage.clientHeight }
        else { c[0] -= dx * 0.5; c[1] += dy * 0.5 }
      })
    } else if (!pinned) {
      hover ??= requestAnimationFrame(() => { hover = null; point(nearest(event)) })
    }
  })
  stage.addEventListener("pointerup", (event) => {
    if (grip && !grip.far) {
      const k = nearest(event)
      pinned = k >= 0
      point(k)
      if (pinned) window.dispatchEvent(new Event(PINNED))
    }
    grip = null
  })
  stage.addEventListener("pointerleave", () => { if (!pinned && !grip) point(-1) })
  stage.addEventListener("contextmenu", (event) => event.preventDefault())
  stage.addEventListener("dblclick", home)
  stage.addEventListener("wheel", (event) => {
    // Only where the picture has the focus: else the wheel scrolls the page, as everywhere.
    if (stage.getRootNode().activeElement !== stage && !event.ctrlKey) return
    event.preventDefault()
    turn((c) => { c[2] *= Math.exp(-event.deltaY * 0.0015) })
  }, {passive: false})
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return  // the browser's own
    const count = points.length / 3, flat = model.dims === 2, key = event.key.toLowerCase()
    const arrow = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key]
    if (arrow) {
      turn((c) => {
        if (flat || event.shiftKey) { c[3] -= 0.1 * arrow[0]; c[4] -= 0.1 * arrow[1] }
        else { c[0] += 5 * arrow[0]; c[1] += 5 * arrow[1] }
      })
    } else if (event.key === "+" || event.key === "=") turn((c) => { c[2] *= 1.15 })
    else if (event.key === "-") turn((c) => { c[2] /= 1.15 })
    else if (event.key === "0" || event.key === "Home") home()
    else if (key === "n") { pinned = true; point((model.pointed + 1) % count) }
    else if (key === "p") { pinned = true; point((Math.max(model.pointed, 0) + count - 1) % count) }
    else if (event.key === "Escape") { pinned = false; point(-1) }
    else return
    event.preventDefault()
  })

  async function png() {
    paint(3)  // fit for a slide
    const copy = make("canvas", {width: canvas.width, height: canvas.height}), on = copy.getContext("2d")
    on.fillStyle = page_colour(stage)
    on.fillRect(0, 0, copy.width, copy.height)
    on.drawImage(canvas, 0, 0)
    paint()
    return copy
  }

  function svg() {
    const width = stage.clientWidth, height = stage.clientHeight, at = eye(width, height)
    const root = shape("svg", {xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`})
    root.append(shape("title", {}, model.summary), shape("rect", {width, height, fill: page_colour(stage)}))
    for (const cloud of clouds(width)) {
      const [x, y, depth] = project(cloud.points, at, width, height)
      const order = [...x.keys()]
      if (at.deep) order.sort((a, b) => depth[a] - depth[b])
      for (const i of order) {
        const [r, g, b, a] = cloud.colours.subarray(4 * i, 4 * i + 4)
        root.append(shape("circle", {
          cx: x[i].toFixed(2), cy: y[i].toFixed(2), r: (cloud.size / 2).toFixed(2),
          fill: `rgb(${r},${g},${b})`, "fill-opacity": (a / 255).toFixed(2),
        }))
      }
    }
    root.append(...mark_elements(marks(at, width, height, 1)))
    return root
  }

  function words() {
    title.textContent = model.title
    caption.replaceChildren(...model.caption.map(([name, value]) => make("span", {}, make("small", {}, name), make("b", {}, value))))
    summary.textContent = model.summary
    const keys = model.dims === 3 ? "Arrow keys turn it" : "Arrow keys move it"
    stage.setAttribute("aria-label", `${model.title}. ${model.summary} ${keys}, plus and minus zoom, N and P step through the samples, Escape lets go.`)
  }

  // Parameters that are sent together arrive one after the other: they are read once, before painting.
  model.on(["points", "colours", "base", "base_colours"], () => { stale = true; repaint() })
  model.on(["bounds", "dims", "pointed", "lines", "frame", "axes"], repaint)
  model.on("camera", () => {
    // From Python (a preset, a link); one's own last turn comes first.
    if (moved || String(model.camera) === String(rig.camera.map((v) => Number(v.toFixed(3))))) return
    rig.camera = [...(model.camera.length ? model.camera : HOME)]
    rig.panels.forEach((one) => one.redraw())
  })
  model.on(["title", "caption", "summary", "dims"], words)
  const watch = new ResizeObserver(redraw)
  watch.observe(stage)
  model.on("remove", () => { watch.disconnect(); rig.panels.delete(panel) })
  words()
  redraw()
  return make("figure", {className: "picture"},
    make("div", {className: "head"}, title, save_buttons(model, png, svg)), stage, note, caption, summary)
}
