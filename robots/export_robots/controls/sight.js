// What a person sees of a page, computed inside the page. Installed once per document as `window.__sight`.
// Nothing here knows a CRM, a widget library or a class name of one: only text, names, places and states.
(() => {
  if (window.__sight) return;
  const S = {};
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
      for (const child of el.querySelectorAll("[title],[aria-label],img[alt],svg title")) {
        push(child.tagName === "title" ? child.textContent : child.getAttribute("title") || child.getAttribute("aria-label") || child.getAttribute("alt"));
      }
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
          const at = (" " + folded.replace(/[^\p{L}\p{N}+]+/gu, " ") + " ").indexOf(" " + word.replace(/[^\p{L}\p{N}+]+/gu, " ") + " ");
          if (at >= 0) best = Math.min(best, 1 + folded.length - word.length);
        }
      }
    }
    return best;
  };

  // Visible controls known by one of `words` (folded), best match first; of nested ones the innermost that is worked.
  S.find = ({ words, scope, loose = false, outside = null, above = false }) => {
    const found = new Map();
    for (const el of within(scope)) {
      if (el === document.body || el.textContent.length > 1500 || !seen(el)) continue;
      if (outside && outside.some((root) => holds(root, el))) continue;
      if (text(el).length > 150) continue;
      const rank = matches(S.names(el), words, loose);
      if (rank === Infinity) continue;
      const target = worked(el);
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

  S.moving = (roots) => roots.some((el) => el.isConnected && el.getAnimations({ subtree: true }).some((animation) => animation.playState === "running"));

  S.box = (el) => {
    const r = rect(el);
    return { x: r.x + scrollX, y: r.y + scrollY + scrolled(el), width: r.width, height: r.height };
  };
  S.enabled = (el) =>
    !(el.disabled || el.closest("[aria-disabled=true],fieldset[disabled],[disabled]") || style(el).pointerEvents === "none" ||
      /(^|[\s_-])(is-)?disabled($|\s)/.test(el.className?.baseVal ?? el.className ?? ""));

  // ---- what lies over an element --------------------------------------------------------------------------------
  const positioned = (el) => /fixed|absolute|sticky/.test(style(el).position) || el.matches("dialog,[role=dialog],[role=alertdialog],[aria-modal=true]");
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
  S.safeAt = (el, [x, y]) => {
    const top = topAt(x, y);
    return !!top && holds(el, top) && !taking(top, el);
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

  // ---- check lists ----------------------------------------------------------------------------------------------
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
      if ([...up.querySelectorAll(ITEM)].filter((other) => other !== el && !holds(other, el) && !holds(el, other)).length) break;
      const found = S.text(up);
      if (found) return found;
    }
    return el.getAttribute("title") || "";
  };
  const rowOf = (el) => {
    let row = rowAround(el);
    while (row && style(row).pointerEvents === "none" && parentOf(row)) row = parentOf(row); // its row takes the clicks
    return row;
  };
  const rowAround = (el) => {
    // what a person clicks: the visible row or label that belongs to the tick alone
    if (seen(el) && S.text(el)) return el;
    for (const label of el.labels || []) if (seen(label) && S.text(label)) return label;
    for (let up = parentOf(el), steps = 0; up && steps < 4; up = parentOf(up), steps++) {
      if ([...up.querySelectorAll(ITEM)].filter((other) => other !== el && !holds(other, el) && !holds(el, other)).length) break;
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
  S.choose = (el, words) => {
    if (el.tagName !== "SELECT") return false;
    const option = [...el.options].find((entry) => words.includes(bare(entry.label)));
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
    for (let up = parentOf(items[0].row); up && up !== document.body; up = parentOf(up)) {
      if (up.clientHeight < 20 || up.scrollHeight <= up.clientHeight + 4) continue;
      const rows = items.filter((item) => holds(up, item.row)).length;
      const height = rect(items[1].row).top - rect(items[0].row).top;
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

  // ---- drop-downs -----------------------------------------------------------------------------------------------
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
        found.push({ el, value: S.text(frameOf(el)) || fieldValue(el), options: [] });
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
      found.push({ el, value: S.text(frameOf(el)) || fieldValue(el), options: [] });
    }
    return found;
  };
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
  S.shown = (el) => (el.tagName === "SELECT" ? el.selectedOptions[0]?.label || "" : S.text(frameOf(el)) || fieldValue(el));

  // ---- short texts and where they stand ---------------------------------------------------------------------------
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

  // ---- calendars --------------------------------------------------------------------------------------------------
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
    for (const el of within(scope)) {
      if (el.tagName !== "SELECT" || !seen(el)) continue;
      const years = [...el.options].filter((option) => /^(19|20)\d{2}$/.test(option.label.trim()));
      const entry = years.length ? years.find((option) => option.label.trim() === String(year)) : el.options.length === 12 ? el.options[month - 1] : null;
      if (!entry || entry.selected) continue;
      entry.selected = true;
      told(el);
      done = true;
    }
    return done;
  };
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
  // Drop-downs below `el` (or in the whole page), nearest first.
  S.dropDownsBelow = (el) => {
    const own = el && rect(el);
    const list = S.dropDowns(null).filter((entry) => !own || rect(entry.el).top >= own.top + own.height / 2);
    if (own) list.sort((a, b) => Math.hypot(rect(a.el).top - own.bottom, (rect(a.el).left - own.left) / 3) - Math.hypot(rect(b.el).top - own.bottom, (rect(b.el).left - own.left) / 3));
    return list;
  };
  S.isButton = (el) => el.matches("button,input[type=submit],input[type=button],input[type=image],[role=button],a") || (operable(el) && !el.matches("input,select,textarea,label"));
  // Entries of a menu known by `words`: what stands in a navigation first, then what stands furthest to the left.
  S.menuEntries = (words) => {
    const found = S.find({ words }).concat(S.find({ words, loose: true }).filter((el) => el.closest("nav,aside,[role=navigation],[role=menu],[role=menubar],ul")));
    const place = (el) => (el.closest("nav,aside,[role=navigation],[role=menu],[role=menubar]") ? 0 : 1) * 10000 + rect(el).left;
    return [...new Set(found)].filter((el) => operable(el) && !el.matches("select,input,[aria-haspopup=listbox],[role=combobox]")).sort((a, b) => place(a) - place(b));
  };
  // The form around a field, or the smallest box around it that holds a button.
  S.formOf = (el) => {
    if (el.form) return el.form;
    for (let up = parentOf(el); up && up !== document.body; up = parentOf(up)) if ([...up.querySelectorAll("button,input[type=submit],[role=button],a")].some(seen)) return up;
    return document.body;
  };
  // How a choice looks, to tell a chosen one from its neighbours where no attribute says so.
  const looks = (el) => [classOf(el), style(el).backgroundColor, style(el).borderColor, style(el).color, style(el).fontWeight, style(el).boxShadow].join("|");
  S.standsOut = (el) => {
    const state = stateOf(el);
    if (state !== null) return state === true;
    const others = [...(parentOf(el)?.children || [])].filter((other) => other !== el && other.tagName === el.tagName && seen(other));
    return others.length > 0 && others.every((other) => looks(other) !== looks(el)) && new Set(others.map(looks)).size === 1;
  };
  // E-mail addresses shown outside of tables: as whom the page says that one is signed in.
  S.addresses = () => {
    const found = new Set();
    for (const el of walk(document.body)) {
      if (!/@/.test(ownText(el)) || !seen(el) || el.closest("td,[role=cell],[role=gridcell],[role=row],li")) continue;
      for (const match of ownText(el).matchAll(/[\w.+-]+@[\w.-]+\.\w+/g)) found.add(match[0].toLowerCase());
    }
    return [...found];
  };
  // What a sign-in page offers and says.
  S.signIn = () => {
    const fields = S.fields(null).map((field) => ({ ...field, index: [...document.querySelectorAll("input")].indexOf(field.el) }));
    const headings = [...walk(document.body)].filter((el) => el.matches("h1,h2,h3,h4,[role=heading],legend,label,p,.title") && seen(el)).map(S.text).filter((shown) => shown && shown.length < 300);
    const captcha = [...walk(document.body)].some((el) =>
      (el.matches("iframe") && !el.closest(".grecaptcha-badge") && /captcha|turnstile|challenge|arkose|funcaptcha/i.test(el.src + " " + el.title + " " + el.name) && seen(el)) ||
      (/(^|[\s_-])(g-recaptcha|h-captcha|cf-turnstile|captcha)/i.test(classOf(el) + " " + el.id) && seen(el) && rect(el).height > 20));
    return { fields, headings: [document.title, ...headings], alerts: S.alerts(), captcha, boxes: [...walk(document.body)].filter((el) => el.matches("input[type=checkbox]")).length };
  };
  // Buttons known by `words` in the same line as `el` or just below it, nearest first.
  S.beside = (el, words) => {
    const own = rect(el);
    return S.find({ words }).filter((other) => {
      const r = rect(other);
      return r.top < own.bottom + 60 && r.bottom > own.top - 30 && Math.abs(r.left - own.right) < 400;
    }).sort((a, b) => Math.abs(rect(a).left - own.right) - Math.abs(rect(b).left - own.right));
  };
  // Arrows and the like in a calendar's head: [{el, x, names}].
  S.arrows = (calendar) =>
    calendar.head
      .filter((el) => el.tagName !== "SELECT" && (operable(el) || (el.tagName === "TH" && pointed(el)) || (pointed(el) && el.childElementCount === 0)))
      .filter((el) => !/\d/.test(text(el)) && S.enabled(el))
      .filter((el, index, all) => !all.some((other) => other !== el && holds(el, other)))
      .map((el) => ({ el, x: rect(el).left + rect(el).width / 2, names: S.names(el).concat(classOf(el)) }));

  // ---- sections -----------------------------------------------------------------------------------------------------
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

  // ---- scrolling ------------------------------------------------------------------------------------------------------
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

  // ---- messages ---------------------------------------------------------------------------------------------------------
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
          if (!holder || SKIP.has(holder.tagName) || holder.closest("td,[role=cell],[role=gridcell]")) continue;
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
      if (own.length > 3 && own.length < 400 && wordsSeen(el) && !el.closest("td,[role=cell],[role=gridcell]")) found.push(own);
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
  // Small signs for closing: a cross, or a button whose class or type says no more than that.
  S.closingSigns = (scope) =>
    [...within(scope)].filter(
      (el) => seen(el) && operable(el) && !S.text(el).match(/\p{L}{2}/u) && /(^|[\s_-])(close|dismiss|fermer)/i.test(classOf(el) + " " + (el.getAttribute("aria-label") || "") + " " + (el.getAttribute("data-dismiss") || "") + (el.getAttribute("data-bs-dismiss") || "")));
  S.signInForm = () => {
    for (const el of walk(document.body)) {
      if (el.matches("input[type=password],input[autocomplete=username]") && seen(el)) return true;
      if (el.matches("dialog,[role=dialog],[role=alertdialog],[role=alert]") && seen(el) && /session\b.*\b(expire|expired|ended|terminee|inactiv)/.test(S.fold(text(el)).slice(0, 300))) return true;
    }
    return /(^|[/#?_.-])(log-?in|sign-?in|connexion|session\/new|auth)([/#?&_.=-]|$)/i.test(location.pathname + location.hash) &&
      [...walk(document.body)].some((el) => el.matches("input[type=email],input[type=text],input:not([type])") && seen(el));
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
    if (document.readyState === "loading") return true;
    for (const el of document.querySelectorAll("[aria-busy=true],[role=progressbar]:not([aria-valuenow])")) if (seen(el)) return true;
    return false;
  };

  // ---- the way in -------------------------------------------------------------------------------------------------------
  // Elements cross to Python and back as {"$": n}; a number means nothing after a navigation.
  const refs = [];
  const numbers = new WeakMap();
  const out = (value) => {
    if (value instanceof Element) {
      if (!numbers.has(value)) numbers.set(value, refs.push(value) - 1);
      return { $: numbers.get(value) };
    }
    if (Array.isArray(value)) return value.map(out);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, out(entry)]));
    return value;
  };
  const back = (value) => {
    if (Array.isArray(value)) return value.map(back);
    if (value && typeof value === "object") {
      if ("$" in value) {
        const el = refs[value.$];
        if (!el || !el.isConnected) throw new Error("sight: gone");
        return el;
      }
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, back(entry)]));
    }
    return value;
  };
  S.call = (name, args) => {
    if (!document.body) throw new Error("sight: gone"); // the page is just being loaded
    folded = new WeakMap();
    return out(S[name](...back(args)));
  };
  S.ref = (number) => refs[number];
  window.__sight = S;
})();
