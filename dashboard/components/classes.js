// The classes and their colours.

export function render({model}) {
  const root = make("ul", {className: "legend"})
  const draw = () => {
    root.setAttribute("aria-label", model.label)
    root.replaceChildren(...model.classes.map(([name, colour]) => {
      const dot = make("i")
      dot.style.background = colour
      return make("li", {}, dot, name)
    }))
  }
  model.on(["label", "classes"], draw)
  draw()
  return root
}
