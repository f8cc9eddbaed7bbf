// Which of several are shown: a button each, with its colour.

export function render({model}) {
  const root = make("div", {className: "chips", role: "group"})
  function draw() {
    const focused = [...root.children].indexOf(root.getRootNode().activeElement)
    root.setAttribute("aria-label", model.label)
    root.replaceChildren(...model.chips.map(([name, title, colour, shown]) => {
      const dot = make("i")
      dot.style.background = shown ? colour : "transparent"
      dot.style.borderColor = colour
      return make("button", {type: "button", className: "chip", "aria-pressed": shown, title: shown ? "Hide" : "Show",
        onclick: () => model.send_msg({pressed: name})}, dot, title)
    }))
    root.children[focused]?.focus()
  }
  model.on(["label", "chips"], draw)
  draw()
  return root
}
