// Keeps the link in the address bar on the state: replaced, never pushed, so that Back leaves the page.

export function render({model}) {
  let waiting = null
  const write = () => {
    waiting = null
    history.replaceState(history.state, "", `${location.pathname}?${model.query}${location.hash}`)
  }
  // Browsers refuse more than some 200 changes in 30 s; a drag makes more.
  model.on("query", () => { waiting ??= setTimeout(write, 200) })
  write()
  return make("span", {hidden: true})
}
