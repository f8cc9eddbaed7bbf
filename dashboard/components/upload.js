// A file of one's own, read in the browser and handed over whole.

export function render({model}) {
  const said = make("span", {className: "said", role: "status"})
  const input = make("input", {type: "file", accept: model.accept, hidden: true, tabIndex: -1, "aria-label": model.label})
  const button = make("button", {type: "button", className: "action", onclick: () => input.click()}, model.label)
  input.addEventListener("change", async () => {
    const file = input.files[0]
    input.value = ""
    if (!file) return
    if (file.size > model.limit) {
      model.send_msg({too_large: file.name, size: file.size})
      return
    }
    said.textContent = "Reading…"
    // In pieces: a server takes messages of some 20 MB at the most.
    const piece = 2 ** 22, count = Math.max(1, Math.ceil(file.size / piece))
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(await file.slice(i * piece, (i + 1) * piece).arrayBuffer())
      let text = ""
      for (let j = 0; j < bytes.length; j += 32768) text += String.fromCharCode(...bytes.subarray(j, j + 32768))
      model.send_msg({name: file.name, piece: i, count, base64: btoa(text)})
      said.textContent = `Reading… ${Math.round(100 * (i + 1) / count)} %`
    }
    said.textContent = ""
  })
  return make("span", {}, button, input, said)
}
