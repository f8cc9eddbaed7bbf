// Copies the code and the link of what is on screen; shows the code.

export function render({model}) {
  const said = make("span", {className: "said", role: "status"})
  const code = make("pre", {tabIndex: 0, "aria-label": "Code of what is on screen"})
  const box = make("details", {}, make("summary", {}, "Show the code"), code)

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      // Pages that are neither https nor this machine's have no clipboard of their own.
      const field = make("textarea", {value: text})
      document.body.append(field)
      field.select()
      document.execCommand("copy")
      field.remove()
    }
    said.textContent = `${what} copied.`
    setTimeout(() => { said.textContent = "" }, 4000)
  }

  const show = () => { code.textContent = model.code }
  model.on("code", show)
  show()
  const buttons = [make("button", {type: "button", className: "small", onclick: () => copy(model.code, "Code")}, "Copy code")]
  if (model.query) {
    const link = () => `${location.origin}${location.pathname}?${model.query}`
    buttons.push(make("button", {type: "button", className: "small", onclick: () => copy(link(), "Link")}, "Copy link"))
  }
  return make("section", {className: "share-box", "aria-label": "Share"}, make("div", {className: "save"}, ...buttons, said), box)
}
