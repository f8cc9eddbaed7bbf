// How far something is that takes a while: a bar and a sentence.

export function render({model}) {
  const fill = make("i")
  const bar = make("div", {className: "track", role: "progressbar"}, fill)
  bar.setAttribute("aria-label", model.label)
  const text = make("span")
  const show = () => {
    fill.style.width = `${100 * model.share}%`
    bar.setAttribute("aria-valuenow", Math.round(100 * model.share))
    bar.setAttribute("aria-valuetext", model.text)
    text.textContent = model.text
  }
  model.on(["share", "text"], show)
  show()
  return make("div", {className: "gauge"}, bar, text)
}
