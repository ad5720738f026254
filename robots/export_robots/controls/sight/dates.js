// Short texts and where they stand, fields for days, calendars.
// Visible short texts and field values, for those who look for dates or counts: [{el, text, box, kind}].
S.shortTexts = ({ scope = null, pattern, longest = 90, tables = false }) => {
  const wanted = new RegExp(pattern, "iu");
  const found = [];
  for (const el of within(scope)) {
    const field = el.matches("input:not([type=hidden]):not([type=password]):not([type=checkbox]):not([type=radio])");
    if (el.textContent.length > 600) continue;
    const value = field ? el.value : S.text(el);
    if (!value || value.length > longest || !wanted.test(value) || !seen(el)) continue;
    const cell = el.closest("td,[role=cell],[role=gridcell]");
    // a table's only cell holds what is said instead of rows; others hold somebody's data
    if (cell && !(tables && [...(cell.closest("tbody,table,[role=grid],[role=table]")?.querySelectorAll("td,[role=cell],[role=gridcell]") || [])].filter(seen).length === 1)) continue;
    const target = worked(el);
    found.push({ el, text: value, box: S.box(el), field, type: field ? el.type : "", target, works: operable(target), editable: field && !el.readOnly && !el.disabled });
  }
  return found;
};
S.fields = (scope) => {
  const found = [];
  for (const el of within(scope)) {
    if (!el.matches("input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([type=submit]):not([type=button]):not([type=file]),textarea")) continue;
    if (seen(el)) found.push({ el, type: el.type, value: el.value, names: S.names(el), editable: !el.readOnly && !el.disabled, name: el.name || "", autocomplete: el.autocomplete || "" });
  }
  return found;
};

// Fields that wait for a day, empty ones too.
S.dateFields = () => S.fields(null).filter((field) => /^(date|text|tel|search)$/.test(field.type) && !field.el.closest("td,[role=cell],[role=gridcell]")).map((field) => ({ ...field, box: S.box(field.el) }));

// Days that are typed in parts, each a small box of its own: [{el, text, box, parts: {day, month, year}}].
const PARTS = { 31: "day", 12: "month" };
S.dayParts = (scope) => {
  const found = new Map();
  for (const el of within(scope)) {
    if (!el.matches("[role=spinbutton]") || el.matches("input") || !seen(el)) continue;
    const most = +el.getAttribute("aria-valuemax");
    const part = PARTS[most] || (most >= 2000 ? "year" : null);
    let group = parentOf(el);
    while (group && group.querySelectorAll("[role=spinbutton]").length < 3) group = parentOf(group);
    if (!part || !group) continue;
    if (!found.has(group)) found.set(group, { el: group, text: S.text(group), box: S.box(group), parts: {} });
    found.get(group).parts[part] ??= { el, value: el.getAttribute("aria-valuenow") || "" };
  }
  return [...found.values()].filter((entry) => entry.parts.day && entry.parts.month && entry.parts.year);
};

// What may open the calendar of one day: the field itself, and the signs in its line that are its own.
S.openersOf = (el) => {
  const signs = [];
  const most = Math.max(60, rect(el).height * 2.5);
  for (let up = el, steps = 0; up && steps < 4 && rect(up).height <= most && !signs.length; up = parentOf(up), steps++) {
    signs.push(...[...up.querySelectorAll("button,[role=button],svg,i,img")].filter((sign) => seen(sign) && !taking(sign, up.parentElement) ));
  }
  const itself = el.matches("input,button,a,[role=button],[role=combobox],[tabindex]") || pointed(el);
  return [...new Set([...(itself ? [el] : []), ...signs.map((sign) => worked(outOfPicture(sign))), el])].slice(0, 4);
};

// Grids of days: [{days: [el of the 1st, 2nd, ...], caption, head: [elements above the days]}]. Days of the neighbouring months are left
// out by their order, not by a class: the grid's own month starts at the first "1" and counts up.
S.calendars = (scope) => {
  const cells = [];
  for (const el of within(scope)) {
    if (!/^(TD|DIV|SPAN|BUTTON|A|LI|P|I|B|STRONG|ABBR|TIME)$/.test(el.tagName) || el.textContent.length > 60) continue;
    const shown = S.text(el);
    if (!/^\d{1,2}$/.test(shown) || +shown < 1 || +shown > 31 || !seen(el)) continue;
    if ([...el.children].some((child) => S.text(child) === shown)) continue;
    cells.push(el);
  }
  const groups = new Map();
  for (const cell of cells) {
    let up = parentOf(cell);
    while (up && up !== document.body && cells.filter((other) => holds(up, other)).length < 28) up = parentOf(up);
    if (!up || up === document.body) continue;
    if (!groups.has(up)) groups.set(up, []);
    groups.get(up).push(cell);
  }
  const found = [];
  for (const [grid, members] of groups) {
    const runs = [];
    members.forEach((cell) => {
      const day = +S.text(cell);
      const run = runs[runs.length - 1];
      if (run && day === run.length + 1) run.push(cell);
      else if (day === 1) runs.push([cell]);
    });
    for (const days of runs.filter((run) => run.length >= 28)) {
      found.push({ grid, days });
    }
  }
  return found.map(({ grid, days }) => {
    const first = rect(days[0]), last = rect(days[days.length - 1]);
    const left = Math.min(...days.map((day) => rect(day).left)), right = Math.max(...days.map((day) => rect(day).right));
    const head = [];
    let up = grid;
    for (let steps = 0; steps < 6 && up && up !== document.body; steps++, up = parentOf(up)) {
      for (const el of walk(up)) {
        const r = rect(el);
        if (!seen(el) || el === up || r.bottom > first.top + 6 || r.bottom < first.top - 150) continue;
        if (r.right < left - 60 || r.left > right + 60 || r.width > (right - left) * 1.6 + 40) continue;
        if (!head.includes(el)) head.push(el);
      }
      if (head.some((el) => /\d{4}/.test(text(el) + (el.value || "")))) break;
    }
    const texts = head
      .filter((el) => el.tagName === "SELECT" || (el.tagName === "INPUT" ? el.value : ownText(el)))
      .map((el) => ({ el, text: el.tagName === "SELECT" ? el.selectedOptions[0]?.label || "" : el.tagName === "INPUT" ? el.value : ownText(el), middle: rect(el).left + rect(el).width / 2, top: rect(el).top }))
      .filter((entry) => /[\p{L}\d]/u.test(entry.text)) // no arrows
      .filter((entry) => entry.middle >= left - 10 && entry.middle <= right + 10)
      // no days, and no row of weekdays: in French Tuesday is written as March is in English
      .filter((entry, _, all) => !/^\d{1,2}$/.test(entry.text) && all.filter((other) => Math.abs(other.top - entry.top) < 4).length < 6);
    const arrows = S.arrows({ head, left, right });
    return { days, left, right, bottom: last.bottom, arrows, captions: texts.map((entry) => entry.text) };
  });
};
// Native lists of months and years above a calendar: chooses, and says whether anything was there to choose.
S.chooseMonth = (scope, [year, month]) => {
  let done = false;
  const parts = S.timeParts(scope); // twelve hours are no months
  const clock = parts.some(({ part }) => part === "minute") ? parts.map(({ el }) => el) : [];
  for (const el of within(scope)) {
    if (el.tagName !== "SELECT" || !seen(el) || clock.includes(el)) continue;
    const years = [...el.options].filter((option) => /^(19|20)\d{2}$/.test(option.label.trim()));
    const entry = years.length ? years.find((option) => option.label.trim() === String(year)) : el.options.length === 12 ? el.options[month - 1] : null;
    if (!entry || entry.selected) continue;
    entry.selected = true;
    told(el);
    done = true;
  }
  return done;
};
// Arrows and the like in a calendar's head: [{el, x, names}]. The button itself, where the sign in it is found.
S.arrows = (calendar) =>
  calendar.head
    .filter((el) => el.tagName !== "SELECT" && (operable(el) || (el.tagName === "TH" && pointed(el)) || (pointed(el) && el.childElementCount === 0)))
    .map((el) => outOfPicture(el).closest("button,a,[role=button]") || outOfPicture(el))
    .filter((el, index, all) => all.indexOf(el) === index && !/\d/.test(text(el)) && S.enabled(el))
    .filter((el, index, all) => !all.some((other) => other !== el && holds(el, other)))
    .map((el) => ({ el, x: rect(el).left + rect(el).width / 2, names: S.names(el), signs: [el, ...el.querySelectorAll("*")].map(classOf).join(" ") }));
