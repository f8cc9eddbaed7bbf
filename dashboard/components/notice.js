// Sentences for the user, one below the other, until closed. Text is text: a link may have put it there.

export function render({model}) {
  const root = make("div", {className: "notices", role: "alert"})
  const draw = () => root.replaceChildren(...model.messages.map((message, i) => make("div", {className: "message"},
    make("span", {}, message),
    make("button", {type: "button", "aria-label": "Close this message", onclick: () => { model.messages = model.messages.toSpliced(i, 1) }}, "×"))))
  model.on("messages", draw)
  draw()
  return root
}
