// One of several: a label and a list to choose from.

export function render({model}) {
  const list = make("select", {"aria-label": model.label, onchange: () => { model.value = model.options[list.selectedIndex][1] }})
  const fill = () => {
    list.replaceChildren(...model.options.map(([title]) => make("option", {}, title)))
    show()
  }
  const show = () => { list.selectedIndex = model.options.findIndex(([, value]) => value === model.value) }
  model.on("options", fill)
  model.on("value", show)
  fill()
  return make("label", {className: model.inline ? "choice inline" : "choice", title: model.help}, make("span", {className: "label"}, model.label), list)
}
