// The classes and their colours.

export function render({model}) {
  const root = make("ul", {className: "legend", "aria-label": "Classes"})
  const draw = () => root.replaceChildren(...model.classes.map(([name, colour]) => {
    const dot = make("i")
    dot.style.background = colour
    return make("li", {}, dot, name)
  }))
  model.on("classes", draw)
  draw()
  return root
}
