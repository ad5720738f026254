// What a page says, however shortly.
// Remembers every text that comes up from now on, however shortly: toasts do not wait for a robot. Gives the texts of
// now, which may stand on the next page too.
S.listen = () => {
  S.heard = [];
  const before = [...walk(document.body)].map((el) => ownText(el)).filter((own) => own && own.length > 3);
  S.ear?.disconnect();
  S.ear = new MutationObserver((changes) => {
    for (const change of changes) {
      const nodes = change.type === "childList" ? [...change.addedNodes] : [change.target];
      for (const node of nodes) {
        const holder = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
        if (!holder || SKIP.has(holder.tagName) || holder.closest("td,[role=cell],[role=gridcell],button,[role=button],select")) continue;
        const shown = (holder.innerText || holder.textContent || "").replace(/\s+/g, " ").trim();
        if (shown && shown.length < 400 && S.heard.length < 500) S.heard.push(shown);
      }
    }
  });
  S.ear.observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class", "style", "hidden", "open"] });
  return [...new Set(before)];
};
S.messages = () => {
  const found = [...(S.heard || [])];
  for (const el of walk(document.body)) {
    const own = ownText(el);
    if (own.length > 3 && own.length < 400 && wordsSeen(el) && !el.closest("td,[role=cell],[role=gridcell],button,[role=button],select")) found.push(own);
  }
  return [...new Set(found)];
};
// Text may be shown by an element that has no box of its own (display: contents), as many web components have none.
const wordsSeen = (el) => {
  if (style(el).display !== "contents") return seen(el);
  const range = document.createRange();
  range.selectNodeContents(el);
  return [...range.getClientRects()].some((r) => r.width > 1 && r.height > 1);
};
S.alerts = () => {
  const found = [];
  for (const el of walk(document.body)) {
    if (!seen(el)) continue;
    if (el.matches("[role=alert],[role=status],[aria-live=assertive],[aria-live=polite],[aria-invalid=true]") || /(^|[\s_-])(alert|error|invalid-feedback|warning|danger|toast|notification|message)/i.test(classOf(el))) {
      const shown = S.text(el);
      if (shown && shown.length < 400) found.push(shown);
    }
  }
  return [...new Set(found)];
};
// Names of controls, for a message that says what there is instead; never what stands in tables.
S.controlNames = () => {
  const names = [];
  for (const el of walk(document.body)) {
    if (!seen(el) || !operable(el) || el.closest("td,[role=cell],[role=gridcell],option,select")) continue;
    const name = S.names(el)[0];
    if (name && name.length < 40 && !names.includes(name)) names.push(name);
  }
  return names;
};
S.busy = () => {
  // Before its scripts have run a page shows controls that nobody listens to. Pictures that never come are not waited for.
  if (document.readyState === "loading" || (document.readyState !== "complete" && performance.now() < 10000)) return true;
  for (const el of document.querySelectorAll("[aria-busy=true],[role=progressbar]:not([aria-valuenow])")) if (seen(el)) return true;
  return false;
};
