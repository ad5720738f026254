// What lies over what, where a click lands, and what closes what nobody asked for.
const positioned = (el) => /fixed|absolute|sticky/.test(style(el).position) || el.matches("dialog,[role=dialog],[role=alertdialog],[aria-modal=true]");
// Those of `roots` that lie over the page, and are no part of its flow.
S.overlaid = (roots) => roots.filter((el) => positioned(el) || (el.childElementCount < 4 && [...el.children].some(positioned)));
// What has come up since the last `mark` beyond the box that was clicked, whose own parts may have been drawn anew.
S.freshApart = (el) => {
  const own = Math.max(60, rect(el).height * 2.5);
  let frame = el;
  while (parentOf(frame) && rect(parentOf(frame)).height <= own) frame = parentOf(frame);
  return S.fresh().filter((root) => !holds(frame, root));
};
S.dialogs = () => {
  const list = [];
  for (const el of walk(document.body)) {
    if (!el.matches("dialog,[role=dialog],[role=alertdialog],[aria-modal=true]") && style(el).position !== "fixed") continue;
    if (el.matches("nav,aside,header,footer,[role=navigation],[role=banner]")) continue;
    if (seen(el) && !list.some((outer) => holds(outer, el))) list.push(el);
  }
  return list;
};
const topAt = (x, y) => {
  let el = document.elementFromPoint(x, y);
  while (el?.shadowRoot) {
    const inner = el.shadowRoot.elementFromPoint(x, y);
    if (!inner || inner === el) break;
    el = inner;
  }
  return el;
};
// The outermost thing over the middle of `el`, or null when `el` can be clicked.
S.over = (el) => {
  const r = rect(el);
  const x = Math.min(Math.max(r.x + r.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(r.y + r.height / 2, 0), innerHeight - 1);
  const top = topAt(x, y);
  if (!top || holds(el, top) || holds(top, el)) return null;
  if (el.labels && [...el.labels].some((label) => holds(label, top))) return null;
  let cover = null;
  for (let up = top; up && up !== document.body && up !== document.documentElement; up = parentOf(up)) {
    if (holds(up, el)) break;
    if (positioned(up)) cover = up;
  }
  return cover;
};

// Where a click on the middle of `el` lands on it or on the row that it is a part of; null if it lands elsewhere.
S.hits = (el) => {
  const r = rect(el);
  const x = r.x + r.width / 2, y = r.y + r.height / 2;
  const top = topAt(x, y);
  if (!top || el.closest("[aria-disabled=true],[disabled]") || !(holds(el, top) || (holds(top, el) && rect(top).height < r.height * 3))) return null;
  return [x, y];
};
// Whether there is something in `el` that a click must not hit: the cross that takes a chosen entry out, for one.
const taking = (top, el) => {
  for (let up = top; up && up !== el && holds(el, up); up = parentOf(up)) {
    if (/(^|[\s_-])(close|remove|clear|delete|times|cross)/i.test(classOf(up) + " " + (up.getAttribute("aria-label") || "")) || /^[×✕✖x]$/.test(S.text(up))) return true;
    if (up.matches("button,a,[role=button]") && up !== el) return true;
  }
  return false;
};
S.mayTake = (el) => [...el.querySelectorAll("*")].some((inner) => taking(inner, el));
S.places = (el) => {
  const r = rect(el);
  const y = r.y + r.height / 2;
  return [0.5, 0.25, 0.75, 0.05, 0.62, 0.38, 0.93].map((part) => [r.x + r.width * part, y]);
};
// Where one of the chosen entries stands, a click may be the entry's own: `bare` asks for a place beside them all.
S.safeAt = (el, [x, y], bare = false) => {
  const top = topAt(x, y);
  if (!top || !holds(el, top) || taking(top, el)) return false;
  for (let up = top; bare && up && up !== el; up = parentOf(up)) {
    if (rect(up).width < rect(el).width * 0.8 && [...up.querySelectorAll("*")].some((inner) => taking(inner, up))) return false;
  }
  return true;
};
// A place where a click does nothing but close what is open: on nothing that is worked, and not in `scope`.
S.neutral = (scope) => {
  for (let y = 40; y < innerHeight; y += 37) {
    for (let x = innerWidth - 20; x > 20; x -= 53) {
      const top = topAt(x, y);
      if (!top || scope.some((root) => holds(root, top))) continue;
      let worked = false;
      for (let up = top; up && up !== document.body; up = parentOf(up)) worked ||= operable(up) || up.matches("tr,td,li,[role=row],canvas,svg");
      if (!worked) return [x, y];
    }
  }
  return null;
};

// Small signs for closing: a cross, or a button whose class or type says no more than that.
S.closingSigns = (scope) =>
  [...within(scope)].filter(
    (el) => seen(el) && operable(el) && !S.text(el).match(/\p{L}{2}/u) && /(^|[\s_-])(close|dismiss|fermer)/i.test(classOf(el) + " " + (el.getAttribute("aria-label") || "") + " " + (el.getAttribute("data-dismiss") || "") + (el.getAttribute("data-bs-dismiss") || "")));
