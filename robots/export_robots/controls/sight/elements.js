// What is visible, what it is called, and which visible thing a name means.
let marked = new WeakSet();

S.fold = (text) =>
  (text || "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[\u2018\u2019\u02bc]/g, "'")
    .replace(/[\u200b\u00ad\ufeff]/g, "")
    .toLowerCase()
    .replace(/\s*\+\s*/g, "+")
    .replace(/\s+/g, " ")
    .trim();
// "Submit", "Submit…", "Submit :", "* Submit", "Submit (3)" and "▾ Submit" are one word to a person.
const bare = (text) =>
  S.fold(text)
    .replace(/\s*\(\s*\d[\d\s.,]*\)$/, "")
    .replace(/^[^\p{L}\p{N}(+]+/u, "")
    .replace(/[^\p{L}\p{N})+]+$/u, "");

const rect = (el) => el.getBoundingClientRect();
const style = (el) => getComputedStyle(el);
// One look's own memory: nothing changes while one call runs.
let folded = new WeakMap();
const foldedAway = (el) => {
  if (!el) return false;
  if (!folded.has(el)) {
    const box = rect(el);
    const flow = box.width > 1 && box.height > 1 ? null : style(el);
    folded.set(el, (flow && /hidden|clip/.test(flow.overflowX + flow.overflowY)) || foldedAway(parentOf(el)));
  }
  return folded.get(el);
};
const seen = (el) => {
  if (!el.isConnected) return false;
  if (!el.checkVisibility({ opacityProperty: true, visibilityProperty: true, checkOpacity: true, checkVisibilityCSS: true }))
    return false;
  const r = rect(el);
  if (r.width <= 1 || r.height <= 1 || r.right <= 0 || foldedAway(parentOf(el))) return false;
  return r.bottom + scrollY > 0 || scrolled(el) > 0;
};
// How far the boxes around `el` are scrolled down, beside the page itself.
const scrolled = (el) => {
  let sum = 0;
  for (let up = parentOf(el); up && up !== document.documentElement; up = parentOf(up)) if (up !== document.scrollingElement) sum += up.scrollTop;
  return sum;
};
S.seen = seen;
const parentOf = (el) => el.parentElement || (el.getRootNode() instanceof ShadowRoot ? el.getRootNode().host : null);
const holds = (outer, inner) => {
  for (let up = inner; up; up = parentOf(up)) if (up === outer) return true;
  return false;
};
S.holds = holds;

// Every element in document order, through open shadow roots and frames of the page's own origin.
const SKIP = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT", "HEAD", "META", "LINK"]);
function* walk(root) {
  if (root instanceof Element) {
    if (SKIP.has(root.tagName)) return;
    yield root;
    if (root.shadowRoot) yield* walk(root.shadowRoot);
  }
  for (const child of root.children || []) yield* walk(child);
}
function* within(scope) {
  if (!scope || !scope.length) yield* walk(document.body);
  else for (const root of scope) if (root.isConnected) yield* walk(root);
}

const ownText = (el) => {
  let text = "";
  for (const node of el.childNodes) if (node.nodeType === Node.TEXT_NODE) text += node.nodeValue;
  return text.replace(/\s+/g, " ").trim();
};
const text = (el) => (el.innerText === undefined ? el.textContent : el.innerText) || "";
S.text = (el) => text(el).replace(/\s+/g, " ").trim();

const HINT = /^(title|aria-label|alt|placeholder|data-.*(title|tip|hint|label|content|balloon)|.*tooltip.*|tip)$/;
const pseudo = (el) => {
  const found = [];
  for (const part of ["::before", "::after"]) {
    const content = getComputedStyle(el, part).content;
    const match = /^"(.*)"$/.exec(content || "");
    if (match && /\p{L}{2}/u.test(match[1])) found.push(match[1]);
  }
  return found;
};
const byIds = (el, attribute) =>
  (el.getAttribute(attribute) || "")
    .split(/\s+/)
    .filter(Boolean)
    .map((id) => el.getRootNode().getElementById?.(id)?.textContent || "");
// All the names that an element may be known by: its text, accessible name, title and tool tips of any kind.
S.names = (el) => {
  const found = [];
  const push = (value) => value && value.trim() && value.length < 200 && found.push(value.trim());
  if (el.tagName !== "SELECT" && el.tagName !== "TEXTAREA") push(S.text(el));
  if (el.tagName === "INPUT" && /^(submit|button|reset|image)$/.test(el.type)) push(el.value);
  for (const attribute of el.attributes) if (HINT.test(attribute.name)) push(attribute.value);
  byIds(el, "aria-labelledby").forEach(push);
  byIds(el, "aria-describedby").forEach(push);
  for (const label of el.labels || []) push(S.text(label) || label.textContent);
  if (el.childElementCount && el.childElementCount < 12 && text(el).length < 100) {
    // a name inside is its own if it is the only one there: several are those of several things
    const inside = [...el.querySelectorAll("[title],[aria-label],img[alt],svg title")].map((child) =>
      child.tagName === "title" ? child.textContent : child.getAttribute("title") || child.getAttribute("aria-label") || child.getAttribute("alt"));
    if (new Set(inside).size === 1) push(inside[0]);
    push(el.textContent);
  }
  pseudo(el).forEach(push);
  return [...new Set(found)];
};

const OPERABLE =
  "a[href],button,input:not([type=hidden]),select,textarea,summary,label,[onclick],[aria-haspopup],[contenteditable=true]," +
  "[role=button],[role=link],[role=menuitem],[role=menuitemcheckbox],[role=menuitemradio],[role=option],[role=tab]," +
  "[role=checkbox],[role=radio],[role=switch],[role=combobox],[role=treeitem]";
const pointed = (el) => style(el).cursor === "pointer";
const operable = (el) => {
  if (el.matches(OPERABLE)) return true;
  if (el.hasAttribute("tabindex") && el.getAttribute("tabindex") !== "-1" && pointed(el)) return true;
  const up = parentOf(el);
  return pointed(el) && !(up && pointed(up));
};
S.operable = operable;
// What holds a drawing: its lines are too thin to be hit.
const outOfPicture = (el) => {
  let picture = el;
  while (picture.ownerSVGElement) picture = picture.ownerSVGElement;
  return picture instanceof SVGElement ? parentOf(picture) || el : el;
};
// The thing a click on `el` works: itself, what it lies in, or the one control it holds.
const worked = (el) => {
  for (let up = el, steps = 0; up && steps < 5; up = parentOf(up), steps++) {
    if (up === document.body) break;
    if (operable(up) && up.tagName !== "LABEL") return up;
  }
  const inside = [...el.querySelectorAll(OPERABLE)].filter(seen);
  return inside.length === 1 ? inside[0] : el;
};

const matches = (names, words, loose) => {
  let best = Infinity;
  for (const name of names) {
    const folded = bare(name);
    for (const word of words) {
      if (folded === word) best = Math.min(best, 0);
      else if (loose && folded.length <= word.length + 25) {
        if (spaced(folded).includes(spaced(word))) best = Math.min(best, 1 + folded.length - word.length);
      }
    }
  }
  return best;
};

// Whether one of `words` (folded) stands in one of `names`, as whole words.
const spaced = (text) => " " + text.replace(/[^\p{L}\p{N}+]+/gu, " ").trim() + " ";
const says = (names, words) => names.some((name) => words.some((word) => spaced(S.fold(name)).includes(spaced(word))));

// A tool tip is no control; what is only marked as one, and holds some, is.
const onTip = (el) => {
  const tip = el.closest("[role=tooltip]");
  return !!tip && ![...walk(tip)].some((inner) => inner !== tip && operable(inner));
};

// Visible controls known by one of `words` (folded), best match first; of nested ones the innermost that is worked.
S.find = ({ words, scope, loose = false, outside = null, above = false }) => {
  const found = new Map();
  for (const el of within(scope)) {
    if (el === document.body || el.textContent.length > 1500 || !seen(el)) continue;
    if (outside && outside.some((root) => holds(root, el))) continue;
    if (text(el).length > 150 || onTip(el)) continue;
    const rank = matches(S.names(el), words, loose);
    if (rank === Infinity) continue;
    let target = worked(el);
    // a control inside that has another name is not meant: the cross in a dialog's title
    if (target !== el && holds(el, target) && S.names(target).length && matches(S.names(target), words, loose) === Infinity) target = el;
    if (!seen(target) && !seen(el)) continue;
    const chosen = seen(target) ? target : el;
    const score = rank + (operable(chosen) ? 0 : 0.5);
    if (!found.has(chosen) || found.get(chosen) > score) found.set(chosen, score);
  }
  let list = [...found.entries()];
  // an outer control that holds an equally good inner one is only its frame
  list = list.filter(([el, score]) => !list.some(([other, theirs]) => other !== el && holds(el, other) && theirs <= score));
  list.sort((a, b) => a[1] - b[1] || (above ? rect(a[0]).top - rect(b[0]).top : 0));
  return list.map(([el]) => el);
};

// What has become visible since the last `mark`: the outermost new elements.
S.mark = () => {
  marked = new WeakSet();
  for (const el of walk(document.body)) if (seen(el)) marked.add(el);
};
S.fresh = () => {
  const roots = [];
  const visit = (el) => {
    if (SKIP.has(el.tagName)) return;
    if (!marked.has(el) && seen(el)) {
      roots.push(el);
      return;
    }
    if (el.shadowRoot) for (const child of el.shadowRoot.children) visit(child);
    for (const child of el.children) visit(child);
  };
  visit(document.body);
  return roots;
};
S.freshTexts = () => S.fresh().map((el) => S.text(el)).filter(Boolean);
S.allGone = (roots) => roots.every((el) => !seen(el));

// Whether something of `roots` is unfolding, fading or sliding; what turns for ever (a sign of waiting) does not count.
S.moving = (roots) =>
  roots.some((el) => el.isConnected && el.getAnimations({ subtree: true }).some((one) => one.playState === "running" && one.effect?.getComputedTiming().endTime !== Infinity));

S.box = (el) => {
  const r = rect(el);
  return { x: r.x + scrollX, y: r.y + scrollY + scrolled(el), width: r.width, height: r.height };
};
S.enabled = (el) =>
  !(el.disabled || el.closest("[aria-disabled=true],fieldset[disabled],[disabled]") || style(el).pointerEvents === "none" ||
    /(^|[\s_-])(is-)?disabled($|\s)/.test(el.className?.baseVal ?? el.className ?? ""));
