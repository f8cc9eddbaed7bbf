// What every component uses: elements made without HTML strings, and files saved from the browser.

const SVG = "http://www.w3.org/2000/svg"
// Readable on a white and on a black page alike, so that a change of theme needs no redraw.
const GREY = "#868b94"

// make("button", {title: "x", onclick: f}, "text", child): text is always text, never markup.
function make(tag, props = {}, ...children) {
  const node = document.createElement(tag)
  for (const [key, value] of Object.entries(props)) {
    if (key in node && key !== "list") node[key] = value
    else node.setAttribute(key, value)
  }
  node.append(...children)
  return node
}

function shape(tag, attributes = {}, text = null) {
  const node = document.createElementNS(SVG, tag)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  if (text !== null) node.textContent = text
  return node
}

function download(name, blob) {
  const url = URL.createObjectURL(blob)
  make("a", {href: url, download: name}).click()
  setTimeout(() => URL.revokeObjectURL(url), 10000)
}

// Save buttons for a picture: png() gives a canvas, svg() an <svg> element; CSV comes from Python.
function save_buttons(model, png, svg) {
  const button = (kind, action) => make("button", {
    type: "button", className: "small", onclick: action,
    title: `Save as ${kind}`, "aria-label": `Save ${model.title} as ${kind}`,
  }, kind)
  const save_svg = () => {
    const text = new XMLSerializer().serializeToString(svg())
    download(`${model.file_name}.svg`, new Blob([text], {type: "image/svg+xml"}))
  }
  model.on("msg:custom", (message) => {
    if (message.csv != null) download(`${model.file_name}.csv`, new Blob([message.csv], {type: "text/csv"}))
  })
  return make("span", {className: "save"},
    button("PNG", async () => (await png()).toBlob((blob) => download(`${model.file_name}.png`, blob))),
    button("SVG", save_svg),
    button("CSV", () => model.send_msg({save: "csv"})))
}

// A sample was chosen for good: what shows its recipe comes into sight.
const PINNED = "zmix-pinned"

// The background a saved picture gets: the page's own, found by walking up through shadow roots.
function page_colour(node) {
  for (let at = node; at; at = at.assignedSlot ?? at.parentElement ?? at.getRootNode().host) {
    const colour = getComputedStyle(at).backgroundColor
    if (colour && !/, 0\)$|^transparent$/.test(colour)) return colour
  }
  return "#ffffff"
}

// The bytes of a parameter as typed numbers, whatever their offset in the message.
function numbers(Type, bytes) {
  if (bytes == null) return new Type(0)
  const buffer = bytes.buffer ? bytes.slice().buffer : bytes.slice(0)
  return new Type(buffer)
}
