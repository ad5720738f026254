// Lists of saved views: what opens one, which entries stand under which heading, the icons of an entry.
const inTallMenu = (el) => {
  for (let up = el; up; up = parentOf(up)) if (up.matches("nav,aside,[role=navigation],[role=menu],[role=menubar]") && rect(up).height > rect(up).width) return true;
  return false;
};
// What may open the list of views, the likeliest first: what reads one of `words`, highest on the page; then boxes near
// the top.
S.viewOpeners = (words) => {
  const boxes = S.dropDowns(null).filter(({ el }) => !inTallMenu(el) && !el.closest("td,[role=cell],[role=gridcell]"));
  const reading = boxes.filter(({ value, options }) => words.includes(bare(value)) || options.some((option) => words.includes(bare(option)))).map(({ el }) => el);
  const named = S.find({ words }).filter((el) => operable(el) && !inTallMenu(el) && !el.matches("input,label,option"));
  const list = [...new Set([...reading, ...named])].filter((el, _, all) => !all.some((other) => other !== el && holds(el, other)));
  const byTop = (a, b) => rect(a).top - rect(b).top || rect(a).left - rect(b).left;
  const others = boxes.map(({ el }) => el).filter((el) => rect(el).top < innerHeight / 3 && !list.some((known) => holds(known, el) || holds(el, known)));
  return [...list.sort(byTop), ...others.sort((a, b) => rect(a).left - rect(b).left)];
};
const looksOf = (el) => [style(el).color, style(el).fontSize, style(el).fontWeight, style(el).fontStyle, style(el).textTransform, style(el).letterSpacing].join("|");
const works = (el) => {
  const own = S.text(el).length;
  for (let up = el; up && S.text(up).length <= own * 2 + 20; up = parentOf(up)) if (operable(up)) return true;
  return false;
};
// Entries of an open list by the heading that they stand under: [{el, row, text, own}]; null while no heading known by
// `words` is seen. Other headings are known by looking like this one.
S.headedEntries = (scope, words) => {
  const select = scope && scope.length === 1 && scope[0].tagName === "SELECT" ? scope[0] : null;
  if (select) {
    if (![...select.querySelectorAll("optgroup")].some((group) => words.includes(bare(group.label)))) return null;
    return [...select.options].map((option) => ({ el: option, row: option, text: option.label.trim(), own: option.parentElement.tagName === "OPTGROUP" && words.includes(bare(option.parentElement.label)) }));
  }
  const texts = [];
  for (const el of within(scope)) if (ownText(el) && seen(el) && !el.matches("option")) texts.push(el);
  const head = texts.find((el) => words.includes(bare(S.text(el))) || words.includes(bare(ownText(el))));
  if (!head) return null;
  const looks = looksOf(head), worksToo = works(head);
  let own = false;
  const entries = [];
  for (const el of texts) {
    if (el === head) own = true;
    else if (looksOf(el) === looks && works(el) === worksToo) own = false;
    else entries.push({ el, row: el, text: S.text(el), own });
  }
  for (const entry of entries) {
    const most = rect(entry.el).height * 2.2 + 8;
    for (let up = parentOf(entry.el); up && rect(up).height <= most && up !== document.body && !(scope || []).includes(up); up = parentOf(up)) {
      if (entries.some((other) => other !== entry && holds(up, other.el) && rect(other.el).top > rect(entry.el).bottom - 2) || holds(up, head)) break;
      entry.row = up;
    }
    if (!works(entry.el) && !operable(entry.row)) entry.row = entry.el;
  }
  return entries;
};
// Icons in the line of an entry, its own: [{el, names, signs}].
S.rowIcons = (row) => {
  const r = rect(row);
  const found = [];
  for (const el of walk(parentOf(row) || row)) {
    if (el === row || holds(el, row) || !seen(el) || /\p{L}{3}/u.test(S.text(el))) continue;
    if (!(el.matches("button,a,[role=button],svg,i,img") || pointed(el))) continue;
    const o = rect(el);
    const middle = o.top + o.height / 2;
    if (middle < r.top || middle > r.bottom || o.width > 60 || o.height > r.height * 1.6 + 8 || o.width < 4) continue;
    if (!holds(row, el) && (o.left < r.left || o.left > r.right + 60)) continue;
    found.push(outOfPicture(el));
  }
  const alone = [...new Set(found)].filter((el, _, all) => el !== row && !all.some((other) => other !== el && other !== row && holds(other, el)));
  return alone.map((el) => ({ el, names: S.names(el), signs: [el, ...el.querySelectorAll("*")].map((part) => classOf(part) + " " + (part.getAttribute("data-icon") || "") + " " + (part.getAttribute("href") || part.getAttribute("xlink:href") || "").split("#").slice(1).join()).join(" ") }));
};
const leadsAway = (el) => {
  const link = el.closest("a[href]");
  return !!link && !/^(#|javascript:|$)/.test(link.getAttribute("href")) && !link.matches("[aria-haspopup],[aria-expanded],[data-toggle],[data-bs-toggle]");
};
// What stands at the top right and may open the user's own menu, the furthest to the right first.
S.userMenus = () => {
  const found = [];
  for (const el of walk(document.body)) {
    const r = rect(el);
    if (el.matches("th,td,[role=columnheader]") || leadsAway(el)) continue;
    if (r.top > 140 || r.height > 90 || r.width > 360 || r.left < innerWidth * 0.55 || !seen(el) || inTallMenu(el)) continue;
    if (!(operable(el) || el.matches("[aria-haspopup],[aria-expanded],[tabindex='0'],img")) || el.matches("input,select,label")) continue;
    found.push(worked(el));
  }
  const outer = [...new Set(found)].filter((el, _, all) => !all.some((other) => other !== el && holds(other, el)));
  return outer.sort((a, b) => rect(a).top < 70 !== rect(b).top < 70 ? rect(a).top - rect(b).top : rect(b).right - rect(a).right);
};
