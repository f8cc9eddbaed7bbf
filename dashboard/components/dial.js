// One number: a slider, a field to type it into, and marks worth knowing.

export function render({model}) {
  const field = make("input", {type: "number", step: "any", "aria-label": `${model.label}, typed`})
  const range = make("input", {type: "range", "aria-label": model.label})
  const marks = make("div", {className: "marks"})
  const label = make("span", {className: "label"}, model.label)
  label.title = model.help
  range.title = model.help

  // The slider itself runs from 0 to 1, along the value, its square root or its logarithm.
  const span = () => model.end - model.start || 1
  const to_scale = (v) => ({
    linear: () => (v - model.start) / span(),
    root: () => Math.sqrt((v - model.start) / span()),
    log: () => Math.log(v / model.start) / (Math.log(model.end / model.start) || 1),
  })[model.scale]()
  const to_value = (s) => ({
    linear: () => model.start + span() * s,
    root: () => model.start + span() * s * s,
    log: () => model.start * (model.end / model.start) ** s,
  })[model.scale]()
  const tidy = (v) => {
    v = Math.min(model.end, Math.max(model.start, v))
    return model.whole ? Math.round(v) : Number(v.toPrecision(12))
  }
  const set = (v) => { model.value = tidy(v); show() }

  function show() {
    const v = model.value
    if (field.getRootNode().activeElement !== field) field.value = v
    range.value = to_scale(v)
    range.setAttribute("aria-valuetext", String(v))
  }

  function setup() {
    Object.assign(range, {min: 0, max: 1, step: "any"})
    const shown = model.marks.filter(([v]) => v >= model.start && v <= model.end)
    // Where two marks would run into each other, every second one goes a line down.
    const crowded = shown.some(([v], i) => i && to_scale(v) - to_scale(shown[i - 1][0]) < 0.11)
    marks.className = crowded ? "marks two" : "marks"
    marks.replaceChildren(...shown.map(([v, text], i) => {
      const at = to_scale(v)
      const mark = make("button", {
        type: "button", tabIndex: 0, title: `${model.label} = ${v}`, "aria-label": `${model.label} = ${v}`,
        onclick: () => set(v),
      }, text)
      if (crowded && i % 2) mark.className = "low"
      // A long name next to a short one in the same line: it ends at its mark.
      if (crowded && shown[i + 2] && to_scale(shown[i + 2][0]) - at < 0.16) mark.classList.add("left")
      mark.style.left = `calc(8px + ${at} * (100% - 16px))`
      return mark
    }))
    show()
  }

  // A drag stops at multiples of the step, so that values stay short; typed values may lie between.
  range.addEventListener("input", () => {
    const v = to_value(Number(range.value))
    set(model.whole ? v : Math.round(v / model.step) * model.step)
  })
  range.addEventListener("keydown", (event) => {
    const steps = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1}[event.key]
    const pages = {PageUp: 1, PageDown: -1}[event.key]
    if (steps) set(model.value + steps * model.step)
    else if (pages) set(model.scale === "log" ? model.value * 2 ** pages : model.value + 10 * pages * model.step)
    else return
    event.preventDefault()
  })
  field.addEventListener("change", () => {
    const v = Number(field.value)
    if (field.value === "" || !(v >= model.start && v <= model.end) || (model.whole && !Number.isInteger(v))) {
      model.send_msg({refused: field.value})
      field.value = model.value
    } else set(v)
  })
  model.on("value", show)
  model.on(["start", "end", "marks", "scale"], setup)
  model.on("msg:custom", show)
  setup()
  range.hidden = marks.hidden = !model.slider
  return make("div", {className: "dial"}, make("div", {className: "row"}, label, field), range, marks)
}
