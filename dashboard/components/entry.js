// A label and a field of text.

export function render({model}) {
  const field = make("input", {type: "text", "aria-label": model.label, spellcheck: false, autocomplete: "off"})
  const show = () => { field.value = model.value }
  field.addEventListener("change", () => { if (field.value !== model.value) model.send_msg({typed: field.value}) })
  model.on("value", show)
  model.on("msg:custom", show)
  show()
  return make("label", {className: "choice", title: model.help}, make("span", {className: "label"}, model.label), field)
}
