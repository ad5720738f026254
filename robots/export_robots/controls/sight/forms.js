// Labels and what belongs to them; pairs of a name and its value; days and times of a form.
const CONTROL =
  "input:not([type=hidden]),select,textarea,button,[role=combobox],[role=textbox],[role=checkbox],[role=radio],[role=switch],[role=radiogroup],[role=listbox],[role=spinbutton],[contenteditable=true]";
const labelsFor = (scope, words) => {
  const found = [];
  for (const el of within(scope)) {
    if (el.textContent.length > 200 || el.matches("input,select,textarea,option,[role=option]") || !seen(el)) continue;
    const own = bare(ownText(el)) || bare(S.text(el));
    if (!own || own.length > 60) continue;
    const rank = words.includes(own) ? 0 : words.some((word) => spaced(own).startsWith(spaced(word))) ? 1 : null;
    if (rank === null || [...el.children].some((child) => seen(child) && bare(S.text(child)) === own)) continue;
    found.push([rank, el]);
  }
  return found.sort((a, b) => a[0] - b[0]).map(([, el]) => el);
};
// A label of a field of its own; those of radio buttons and boxes only name one of several choices.
const headsField = (el) => [el, ...el.querySelectorAll("label")].some((label) => label.matches("label") && !label.querySelector("input") && !/^(radio|checkbox)$/.test(label.control?.type || ""));
const someControl = (el) => el.matches(CONTROL) || [...walk(el)].some((inner) => inner.matches(CONTROL));
// What belongs to the label known by one of `words`: the controls in the smallest box around both, or those that follow
// the label there; a control that has the name itself; null if there is none.
S.labelled = (scope, words) => {
  for (const label of labelsFor(scope, words)) {
    let inner = label;
    for (let up = parentOf(label), steps = 0; up && steps < 5; inner = up, up = parentOf(up), steps++) {
      const after = [...up.children].slice([...up.children].indexOf(inner) + 1);
      const group = [];
      for (const next of after) {
        const holdsControl = someControl(next);
        if (group.some(someControl) && (headsField(next) || (!holdsControl && S.text(next)))) break;
        if (seen(next) || holdsControl) group.push(next);
      }
      // a component that brings its own label: its choices may stand outside of its shadow
      if (group.some(someControl)) return label.getRootNode() instanceof ShadowRoot ? [label.getRootNode().host] : group;
      if (up.matches("label") && someControl(up)) return [up];
      if (scope && scope.includes(up)) break;
    }
  }
  const named = [...S.fields(scope), ...S.dropDowns(scope)].find(({ el }) => S.names(el).some((name) => words.includes(bare(name))));
  return named ? [named.el] : null;
};
// The value that stands beside or below a name: what its control shows, or the next text.
S.valueOf = (words) => {
  for (const label of labelsFor(null, words)) {
    const group = S.labelled([parentOf(label)], words);
    const shown = group && controlTexts(group).join(" ");
    if (shown) return shown;
    const own = rect(label);
    let passed = false;
    for (const el of walk(document.body)) {
      if (el === label) passed = true;
      if (!passed || holds(el, label) || holds(label, el) || !ownText(el) || !seen(el)) continue;
      const r = rect(el);
      const right = r.left >= own.right - 4 && r.top < own.bottom && r.bottom > own.top;
      const under = r.top >= own.bottom - 4 && r.top < own.bottom + 50 && r.left < own.right && r.right > own.left;
      if (right || under) return S.text(el);
      break;
    }
  }
  return null;
};
// What the controls of a group read, in the order of the page.
const controlTexts = (scope) => {
  const texts = [];
  for (const el of within(scope)) {
    if (el.matches("input[type=hidden],input[type=checkbox],input[type=radio],[type=search]")) continue;
    if (el.matches("input,textarea") && seen(el) && el.value) texts.push(el.value);
    else if (el.tagName === "SELECT" && seen(el)) texts.push(el.selectedOptions[0]?.label || "");
    else if (el.matches("[role=spinbutton]") && seen(el)) texts.push(el.getAttribute("aria-valuetext") || el.getAttribute("aria-valuenow") || "");
  }
  for (const { el, value } of S.dropDowns(scope)) if (!el.matches("select") && !el.value && value && !texts.includes(value)) texts.push(value);
  return texts.filter(Boolean);
};
S.controlTexts = controlTexts;

// Controls of the hour, the minute and the half of the day: [{el, part, kind, options}]. Lists of the browser's own, small
// fields, and columns whose entries are clicked.
const PLAIN = /^\d{1,2}$/;
const partOf = (texts) => {
  const numbers = texts.filter((text) => PLAIN.test(text)).map(Number);
  if (texts.length === 2 && texts.every((text) => /^[ap]\.?\s?m\.?$/i.test(text.trim()))) return "half";
  if (numbers.length < 2 || numbers.length < texts.length - 1) return null;
  const most = Math.max(...numbers);
  if ((numbers.length === 24 && most === 23) || (numbers.length === 12 && (most === 12 || most === 11))) return "hour";
  return numbers.includes(0) && most >= 30 && most <= 59 ? "minute" : null;
};
S.timeParts = (scope) => {
  const found = [];
  const push = (el, part, kind, options) => {
    if (part === "minute" && found.some((one) => one.part === "minute")) return; // the seconds
    if (part && !found.some((one) => one.part === part)) found.push({ el, part, kind, options });
  };
  const columns = new Set();
  for (const el of within(scope)) {
    if (el.tagName === "SELECT" && seen(el)) push(el, partOf([...el.options].map((option) => option.label.trim())), "select", []);
    else if (el.matches("ul,ol,[role=listbox],div") && !columns.has(el)) {
      const rows = [...el.children].filter((child) => /^(\d{2}|[ap]\.?\s?m\.?)$/i.test(S.text(child) || child.textContent.trim()));
      if (rows.length < 2 || !seen(el) || el.querySelector("[role=gridcell],td")) continue;
      columns.add(el);
      push(el, partOf(rows.map((row) => row.textContent.trim())), "column", rows.map((row) => ({ el: row, text: row.textContent.trim() })));
    }
  }
  if (found.length) return found;
  const fields = S.fields(scope).filter((field) => field.editable && (field.el.matches("[type=number],[maxlength='2']") || /^\d{0,2}$/.test(field.value)));
  for (const field of fields) {
    const name = field.names.map(S.fold).join(" ");
    push(field.el, /hour|heure|\bhh?\b/.test(name) ? "hour" : /minute|\bmm?\b/.test(name) ? "minute" : null, "field", []);
  }
  return found;
};
// Entries of an open list that are times of the day: [{el, text}].
S.timeEntries = (scope) => {
  const found = [];
  for (const el of within(scope)) {
    const shown = el.tagName === "OPTION" ? el.label : ownText(el);
    if (/^\d{1,2}\s?[:h]\s?\d{2}(\s?[ap]\.?m\.?)?$/i.test(shown.trim()) && (el.tagName === "OPTION" || seen(el))) found.push({ el, text: shown.trim() });
  }
  return found;
};
