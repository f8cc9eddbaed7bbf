// Sentences for the user, one below the other. Text is text: a link may have put it there.

const READING = 60000  // milliseconds until a sentence goes by itself, unless the pointer rests on it

export function render({model}) {
  const root = make("div", {className: "notices", role: "alert"})
  const since = new Map()
  // Python takes it off its list: a list sent from here could lose what was added there meanwhile.
  const close = (message) => model.send_msg({close: message})

  function draw() {
    for (const message of since.keys()) if (!model.messages.includes(message)) since.delete(message)
    root.replaceChildren(...model.messages.map((message) => {
      if (!since.has(message)) since.set(message, Date.now())
      return make("div", {className: "message"}, make("span", {}, message),
        make("button", {type: "button", "aria-label": "Close this message", onclick: () => close(message)}, "×"))
    }))
  }

  const clock = setInterval(() => {
    if (root.matches(":hover, :focus-within")) return
    for (const [message, start] of since) if (Date.now() - start > READING) close(message)
  }, 1000)
  model.on("messages", draw)
  model.on("remove", () => clearInterval(clock))
  draw()
  return root
}
