// Check lists and drop-downs: entries, their state, and what a box reads.
const STATE = /(^|[\s_-])(is-)?(checked|selected|active|on|ticked)($|\s)/;
const OFF = /(^|[\s_-])(is-)?(unchecked|deselected|inactive|off|unticked)($|\s)/;
const classOf = (el) => el.className?.baseVal ?? el.className ?? "";
const tick = (value) => (value === "true" ? true : value === "false" ? false : value === "mixed" ? "mixed" : null);
const stateOf = (el) => {
  if (el.tagName === "OPTION") return el.selected;
  const native = el.matches("input[type=checkbox],input[type=radio]") ? el : el.querySelector("input[type=checkbox],input[type=radio]");
  if (native) return native.indeterminate ? "mixed" : native.checked;
  for (const holder of [el, ...el.querySelectorAll("[aria-checked],[aria-selected],[aria-pressed]")]) {
    for (const attribute of ["aria-checked", "aria-pressed", "aria-selected"]) {
      const value = tick(holder.getAttribute(attribute));
      if (value !== null) return value;
    }
  }
  for (const holder of [el, ...el.children]) {
    if (OFF.test(classOf(holder))) return false;
    if (STATE.test(classOf(holder))) return true;
  }
  return null;
};
S.stateOf = stateOf;
const ITEM = "input[type=checkbox],input[type=radio],[role=checkbox],[role=menuitemcheckbox],[role=menuitemradio],[role=radio],[role=option],[role=switch],[aria-checked],[aria-pressed],select[multiple] option";
const caption = (el) => {
  // the row's text: of the label, or of the smallest box around the tick that has text
  if (el.tagName === "OPTION") return el.label || el.textContent;
  for (const label of el.labels || []) if (label.textContent.trim()) return S.text(label) || label.textContent;
  const own = S.text(el) || byIds(el, "aria-labelledby").join(" ").trim() || el.getAttribute("aria-label") || "";
  if (own.trim()) return own;
  for (let up = parentOf(el), steps = 0; up && steps < 4; up = parentOf(up), steps++) {
    if (!alone(up, el)) break;
    const found = S.text(up);
    if (found) return found;
  }
  return el.getAttribute("title") || "";
};
const alone = (up, el) => ![...up.querySelectorAll(ITEM)].some((other) => other !== el && !holds(other, el) && !holds(el, other));
const rowOf = (el) => {
  const row = rowAround(el);
  // where it takes no clicks, its row does; a list that is just unfolding takes none at all
  for (let up = row; up && alone(up, el); up = parentOf(up)) if (style(up).pointerEvents !== "none") return up;
  return row;
};
const rowAround = (el) => {
  // what a person clicks: the visible row or label that belongs to the tick alone
  if (seen(el) && S.text(el)) return el;
  for (const label of el.labels || []) if (seen(label) && S.text(label)) return label;
  for (let up = parentOf(el), steps = 0; up && steps < 4; up = parentOf(up), steps++) {
    if (!alone(up, el)) break;
    if (seen(up) && S.text(up)) return up;
  }
  return seen(el) ? el : null;
};
// Rows with a tick of any kind inside `scope`: [{label, checked, row, tick}].
S.ticks = (scope) => {
  const items = [];
  const push = (el) => {
    const row = el.tagName === "OPTION" ? el : rowOf(el);
    if (!row || (el.tagName === "OPTION" && !seen(el.parentElement.closest("select")))) return;
    const label = caption(el).replace(/\s+/g, " ").trim();
    if (!label || label.length > 120) return;
    const twin = items.find((item) => item.row === row || holds(item.row, row) || holds(row, item.row));
    if (twin) {
      if (el.matches("input")) Object.assign(twin, { tick: el, checked: stateOf(el) });
      return;
    }
    items.push({ label, checked: stateOf(el), row, tick: el, enabled: S.enabled(el) });
  };
  for (const el of within(scope)) if (el.matches(ITEM)) push(el);
  if (items.length) return items.filter((item) => item.checked !== null);
  const drawn = signTicks(scope);
  if (drawn.length) return drawn;
  // no tick marks that a machine can read: rows of one kind in one list, of which some are marked by a class
  for (const el of within(scope)) {
    const rows = [...el.children].filter((child) => seen(child) && S.text(child) && S.text(child).length < 80);
    if (rows.length < 2 || rows.length !== [...el.children].filter(seen).length) continue;
    if (!rows.every((row) => row.tagName === rows[0].tagName)) continue;
    if (!rows.some((row) => STATE.test(classOf(row)) || [...row.children].some((child) => STATE.test(classOf(child))))) continue;
    return rows.map((row) => ({ label: S.text(row), checked: stateOf(row) === true, row, tick: row, enabled: S.enabled(row) }));
  }
  return [];
};

// Options of native lists are chosen by their own API, as the browser's pop-up cannot be clicked by a page's driver.
const told = (select) => ["input", "change"].forEach((type) => select.dispatchEvent(new Event(type, { bubbles: true })));
S.pick = (el, wanted) => {
  if (el.tagName !== "OPTION") return false;
  el.selected = wanted;
  told(el.closest("select"));
  return true;
};
S.choose = (el, words, loose = false) => {
  if (el.tagName !== "SELECT") return false;
  const options = [...el.options];
  const option = options.find((entry) => words.includes(bare(entry.label))) || (loose && options.find((entry) => says([entry.label], words)));
  if (!option) return false;
  el.value = option.value;
  option.selected = true;
  told(el);
  return true;
};

// A long list that draws only the rows in view: its scrolling box, or null. All the rest of it would be overlooked.
const virtualBox = (scope) => {
  const items = S.ticks(scope);
  if (items.length < 3) return null;
  const [above, last] = items.slice(-2); // the first ones may be something else: “All”
  for (let up = parentOf(last.row); up && up !== document.body; up = parentOf(up)) {
    if (up.clientHeight < 20 || up.scrollHeight <= up.clientHeight + 4) continue;
    const rows = items.filter((item) => holds(up, item.row)).length;
    const height = rect(last.row).top - rect(above.row).top;
    return height > 0 && up.scrollHeight > (rows + 2) * height ? up : null;
  }
  return null;
};
// Leafs a list that draws only what is in view: to its top, or one view down. False if there is nothing further down.
S.leafList = (scope, toTop) => {
  const box = virtualBox(scope);
  if (!box) return false;
  const before = box.scrollTop;
  box.scrollTop = toTop ? 0 : before + Math.max(20, box.clientHeight * 0.8);
  return toTop || box.scrollTop > before + 1;
};

// Things that open a list, with what they read now: [{el, value, options}]; options only where they can be known unopened.
S.dropDowns = (scope) => {
  const found = [];
  for (const inner of within(scope)) {
    let el = inner;
    if (!seen(el)) {
      // the part that assistive software reads may be hidden inside the box that people see
      if (!el.matches("[role=combobox],input[aria-haspopup]")) continue;
      for (let steps = 0; el && !seen(el) && steps < 4; steps++) el = parentOf(el);
      if (!el || !seen(el) || rect(el).height > 80 || found.some((other) => other.el === el)) continue;
      found.push({ el, value: boxText(el), options: [] });
      continue;
    }
    if (el.tagName === "SELECT" && !el.multiple) {
      found.push({ el, value: el.selectedOptions[0]?.label || "", options: [...el.options].map((option) => option.label) });
      continue;
    }
    const opens =
      el.matches("[role=combobox],[aria-haspopup]:not([aria-haspopup=false]),[aria-expanded],summary,[data-toggle=dropdown],[data-bs-toggle=dropdown],select[multiple]") ||
      (operable(el) && el.matches("button,a,div,span") && /[▾▼⌄˅]|\bcaret\b|chevron|arrow|angle-down|drop/i.test(text(el).slice(-3) + " " + el.innerHTML.slice(0, 2000)) && text(el).length < 80);
    if (!opens || el.tagName === "OPTION") continue;
    if (found.some((other) => holds(other.el, el) && other.el !== el && S.text(other.el) === S.text(el))) continue;
    found.push({ el, value: boxText(el), options: [] });
  }
  return found;
};
const boxText = (el) => (el.matches("input") && el.value) || S.text(el) || [...el.querySelectorAll("input")].find((field) => field.value && seen(field))?.value || S.text(frameOf(el)) || fieldValue(el);
const fieldValue = (el) => (el.value !== undefined && el.tagName !== "BUTTON" ? el.value : el.querySelector("input")?.value || "");
// A combo box's text often stands beside its input: the smallest box around it that shows text.
const frameOf = (el) => {
  let box = el;
  for (let steps = 0; steps < 4 && !S.text(box) && parentOf(box); steps++) {
    const up = parentOf(box);
    const r = rect(up), own = rect(el);
    if (r.height > Math.max(own.height * 2.5, 60)) break;
    box = up;
  }
  return box;
};
S.shown = (el) => (el.tagName === "SELECT" ? el.selectedOptions[0]?.label || "" : boxText(el));
