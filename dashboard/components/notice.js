// Sentences for the user, one below the other. Text is text: a link may have put it there.

const READING = 60000  // milliseconds until a sentence goes by itself, unless the pointer rests on it

export function render({model}) {
  const root = make("div", {className: "notices", role: "alert"})
  const shown = new Map()  // each sentence's element, and since when it is there
  const closed = new Set()  // here, and perhaps not yet in the list that Python sent last

  // Python takes it off its list: a list sent from here could lose what was added there meanwhile.
  function close(message) {
    shown.get(message)?.node.remove()
    shown.delete(message)
    closed.add(message)
    model.send_msg({close: message})
  }

  function draw() {
    const messages = model.messages
    for (const [message, {node}] of shown) {
      if (messages.includes(message)) continue
      node.remove()
      shown.delete(message)
    }
    for (const message of closed) if (!messages.includes(message)) closed.delete(message)
    for (const message of messages) {
      if (shown.has(message) || closed.has(message)) continue
      const node = make("div", {className: "message"}, make("span", {}, message),
        make("button", {type: "button", "aria-label": "Close this message", onclick: () => close(message)}, "×"))
      shown.set(message, {node, since: Date.now()})
      root.append(node)
    }
  }

  const clock = setInterval(() => {
    if (root.matches(":hover, :focus-within")) return
    for (const [message, {since}] of shown) if (Date.now() - since > READING) close(message)
  }, 1000)
  model.on("messages", draw)
  model.on("remove", () => clearInterval(clock))
  draw()
  return root
}
