// A button; where it switches something on and off, it says which.

export function render({model}) {
  const button = make("button", {type: "button", className: model.main ? "action main" : "action", title: model.help, onclick: () => model.send_msg({pressed: true})}, model.label)
  const show = () => {
    button.textContent = model.label
    if (model.switches) button.setAttribute("aria-pressed", model.on_now)
  }
  model.on(["label", "on_now"], show)
  show()
  return button
}
