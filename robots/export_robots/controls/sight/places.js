// What stands beside, below or to the left of something; sections; scrolling.
// Things to open in the same line as `el` and to the left of it, nearest first.
S.leftOf = (el) => {
  const own = rect(el);
  const found = [];
  for (const other of walk(document.body)) {
    if (!seen(other) || holds(other, el) || holds(el, other)) continue;
    const opens = operable(other) || other.matches("select[multiple]");
    const r = rect(other);
    if (!opens || r.right > own.left + 8 || r.top > own.bottom || r.bottom < own.top || r.height > 120) continue;
    if (other.closest("td,[role=cell],[role=gridcell],nav,[role=navigation]")) continue;
    found.push(other);
  }
  const outer = found.filter((one) => !found.some((other) => other !== one && holds(other, one)));
  return outer.sort((a, b) => rect(b).right - rect(a).right);
};
// Drop-downs below the search box, nearest first; null while no search box is seen. One look for both: between two, a
// page that is being drawn would show them in two states.
S.dropDownsBelowSearch = (words) => {
  const search = S.fields(null).find((field) => field.type === "search" || says(field.names, words));
  if (!search) return null;
  const own = rect(search.el);
  const far = ({ el }) => Math.hypot(rect(el).top - own.bottom, (rect(el).left - own.left) / 3);
  return S.dropDowns(null)
    .filter((entry) => rect(entry.el).top >= own.top + own.height / 2)
    .sort((a, b) => far(a) - far(b));
};
// Buttons known by `words` in the same line as `el` or just below it, nearest first.
S.beside = (el, words) => {
  const own = rect(el);
  return S.find({ words }).filter((other) => {
    const r = rect(other);
    return r.top < own.bottom + 60 && r.bottom > own.top - 30 && Math.abs(r.left - own.right) < 400;
  }).sort((a, b) => Math.abs(rect(a).left - own.right) - Math.abs(rect(b).left - own.right));
};
// Elements whose whole text is one of `words`: headings of a section, or what stands for one.
S.headings = (words) => {
  const found = [];
  for (const el of walk(document.body)) {
    if (el.textContent.length > 300) continue;
    const shown = S.text(el);
    if (!shown || shown.length > 80 || !words.includes(bare(shown)) || !seen(el)) continue;
    if ([...el.children].some((child) => bare(S.text(child)) === bare(shown) && seen(child))) continue;
    if (el.closest("nav,[role=navigation],[role=menu],[role=listbox],option,select,aside [role=menuitem]")) continue;
    found.push(el);
  }
  return found;
};
// What belongs to a heading: the largest box around it that holds none of the `others`, or, on a flat page, what
// follows it until the next heading of its kind.
S.section = (heading, others) => {
  let root = heading;
  for (let up = parentOf(heading); up && up !== document.body && up !== document.documentElement; up = parentOf(up)) {
    if (others.some((other) => holds(up, other))) break;
    const rivals = [...up.querySelectorAll(heading.tagName)].filter((el) => el !== heading && /^H\d$/.test(el.tagName) && seen(el) && !holds(root, el) && !el.closest("dialog,[role=dialog]"));
    if (rivals.length) break;
    root = up;
  }
  const scope = [root];
  const controls = [...walk(root)].filter((el) => el !== heading && operable(el) && seen(el));
  if (controls.length < 2) {
    for (let next = root.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.matches(root.tagName) && /^H\d$/.test(root.tagName)) break;
      if (heading.tagName.match(/^H\d$/) && next.querySelector(heading.tagName)) break;
      if (others.some((other) => holds(next, other))) break;
      scope.push(next);
    }
  }
  return scope;
};
// Things to click in `scope` that show an icon rather than words, from left to right, top to bottom.
S.icons = (scope) => {
  const found = [];
  for (const el of within(scope)) {
    if (!seen(el) || !operable(el) || el.matches("input,select,textarea,label,th,[role=columnheader]")) continue;
    const r = rect(el);
    if (r.width > 120 || r.height > 90 || S.text(el).length > 24) continue;
    if (el.closest("td,[role=cell],[role=gridcell]")) continue;
    found.push(el);
  }
  const outer = found.filter((el) => !found.some((other) => other !== el && holds(other, el)));
  outer.sort((a, b) => Math.round((rect(a).top - rect(b).top) / 12) || rect(a).left - rect(b).left);
  return outer;
};
// Texts that have come up since the last mark near `el`: what a tool tip says while hovering.
S.tipAt = (el) => {
  const r = rect(el);
  const found = pseudo(el);
  for (const other of S.fresh()) {
    const shown = S.text(other);
    const o = rect(other);
    if (!shown || shown.length > 120 || holds(el, other) && S.text(el) === shown) continue;
    const dx = Math.max(0, o.left - r.right, r.left - o.right), dy = Math.max(0, o.top - r.bottom, r.top - o.bottom);
    if (dx < 80 && dy < 80) found.push(shown);
  }
  for (const id of (el.getAttribute("aria-describedby") || "").split(/\s+/)) {
    const tip = id && document.getElementById(id);
    if (tip && seen(tip)) found.push(S.text(tip));
  }
  return [...new Set(found)];
};

// Those of `found` that stand below the last of `others`; all of them if there are no others.
S.below = (found, others) => {
  const line = Math.max(-Infinity, ...others.map((el) => rect(el).top));
  const lower = found.filter((el) => rect(el).top > line);
  return lower.length || others.length ? lower : found;
};
S.scrollTo = (el) => el.scrollIntoView({ block: "start", behavior: "instant" });

const scroller = (el) => /auto|scroll/.test(style(el).overflowY) && el.scrollHeight > el.clientHeight + 4 && el.clientHeight > 200;
S.scrollers = () => [document.scrollingElement, ...[...walk(document.body)].filter((el) => el !== document.scrollingElement && seen(el) && scroller(el) && el.clientWidth > innerWidth / 3)].filter(Boolean);
// One screen further down in everything large that scrolls; false when all were at their end.
S.scrollOn = () => {
  let moved = false;
  for (const el of S.scrollers()) {
    const before = el.scrollTop;
    el.scrollTop = before + Math.max(200, el.clientHeight * 0.8);
    if (el.scrollTop > before + 1) moved = true;
  }
  return moved;
};
S.scrollUp = () => S.scrollers().forEach((el) => (el.scrollTop = 0));
// Signs behind which further icons are folded away: three dots, or one that says “More”.
S.moreSigns = (scope, words) =>
  S.icons(scope).filter((el) => {
    const drawn = [el, ...el.querySelectorAll("*")].map((part) => classOf(part) + " " + (part.getAttribute("data-icon") || "")).join(" ");
    return matches(S.names(el), words, false) < Infinity || /^(\.{2,3}|[…⋮⋯︙•]+)$/.test(S.text(el)) || /(^|[\s_-])(dots|ellipsis|kebab|more)(?![a-z])/i.test(drawn);
  });
