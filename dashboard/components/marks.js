// Lines, dots, words and triangles over the points, as a list that a canvas and an SVG both can draw.

const line = (x1, y1, x2, y2, colour, width) => ({tag: "line", x1, y1, x2, y2, stroke: colour, "stroke-width": width})
const disc = (cx, cy, r, colour, width) => ({tag: "circle", cx, cy, r, fill: colour, stroke: GREY, "stroke-width": width})
const word = (x, y, text, size) => ({tag: "text", x, y, text, fill: GREY, "font-size": size, "font-family": "sans-serif"})
const triangle = (x, y, r, colour, width) => ({
  tag: "polygon", points: [[x, y - r], [x + r, y + 0.8 * r], [x - r, y + 0.8 * r]], fill: colour, stroke: "#000", "stroke-width": width,
})

function draw_marks(context, marks) {
  for (const mark of marks) {
    const outline = new Path2D()
    if (mark.tag === "line") { outline.moveTo(mark.x1, mark.y1); outline.lineTo(mark.x2, mark.y2) }
    else if (mark.tag === "circle") outline.arc(mark.cx, mark.cy, mark.r, 0, 2 * Math.PI)
    else if (mark.tag === "polygon") { for (const [x, y] of mark.points) outline.lineTo(x, y); outline.closePath() }
    else {
      context.font = `${mark["font-size"]}px ${mark["font-family"]}`
      context.fillStyle = mark.fill
      context.fillText(mark.text, mark.x, mark.y)
      continue
    }
    if (mark.fill) { context.fillStyle = mark.fill; context.fill(outline) }
    context.lineWidth = mark["stroke-width"]
    context.strokeStyle = mark.stroke
    context.stroke(outline)
  }
}

const mark_elements = (marks) => marks.map(({tag, text = null, ...attributes}) => shape(tag, attributes, text))

// Three axes in the lower left corner, turning with the camera.
function tripod(names, at, height, ratio) {
  const x0 = 44 * ratio, y0 = height - 44 * ratio, long = 24 * ratio
  return names.flatMap((name, i) => {
    const dx = long * at.right[i], dy = -long * at.up[i]
    return [line(x0, y0, x0 + dx, y0 + dy, GREY, ratio), word(x0 + 1.35 * dx - 3 * ratio, y0 + 1.35 * dy + 4 * ratio, name, 11 * ratio)]
  })
}

// Ticks at round numbers along the left and the lower edge.
function ticks(at, width, height, ratio) {
  const rough = 2 / at.scale[0] / 6, power = 10 ** Math.floor(Math.log10(rough))
  const step = power * [1, 2, 5, 10].find((f) => f * power >= rough)
  const along = (i, pixels) => {
    const middle = at.centre[i] - at.pan[i] / at.scale[i], reach = 1 / at.scale[i], found = []
    for (let v = Math.ceil((middle - reach) / step) * step; v <= middle + reach; v += step) {
      const s = (1 + (i ? -1 : 1) * ((v - at.centre[i]) * at.scale[i] + at.pan[i])) * pixels / 2
      found.push([s, String(Number(v.toPrecision(6)))])
    }
    return found
  }
  const marks = []
  for (const [s, text] of along(0, width)) {
    marks.push(line(s, height - 5 * ratio, s, height, GREY, ratio))
    if (s > 24 * ratio) marks.push(word(s - 6 * ratio, height - 8 * ratio, text, 11 * ratio))
  }
  for (const [s, text] of along(1, height)) {
    marks.push(line(0, s, 5 * ratio, s, GREY, ratio))
    if (s < height - 24 * ratio && s > 8 * ratio) marks.push(word(8 * ratio, s + 4 * ratio, text, 11 * ratio))
  }
  return marks
}
