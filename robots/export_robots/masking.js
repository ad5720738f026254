// Run in each frame of a page that is about to be pictured and read: takes out what could be a lead's.
// Kept is what a person operates: headings, labels, buttons, menus, messages. Returns how much was changed, the text
// before (to be looked through for secrets, never kept) and after, and a list of the controls. The page is closed afterwards, so it may be changed for good.
({ keep }) => {
  const MASK = '•••';
  const EMAIL = /[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+/g;
  const GAP = '[\\s.\\-‐‑‒–/\\u00a0\\u202f]';
  const PHONE = new RegExp(
    `(?<![\\w.])(?:\\+\\d(?:${GAP}?\\(?\\d\\)?){6,14}|(?:1${GAP}?)?(?:\\(\\d{3}\\)|\\d{3})${GAP}{0,2}\\d{3}${GAP}?\\d{4}` +
      `|0\\d(?:${GAP}?\\d{2}){4}|\\d{3}[\\-‑.]\\d{4}|\\d{9,})(?!\\w)`, 'g');
  const CELL = 'td, tbody th, [role=gridcell], [role=cell], [role=rowheader], dd';
  const KEPT = 'data-robot-kept';
  const RECORD = /\/\d{2,}|[?&]\w*id=|[0-9a-f]{8}-[0-9a-f]{4}-/i;
  const SAYING = ['title', 'alt', 'aria-label', 'aria-description', 'data-original-title', 'data-bs-original-title',
    'data-title', 'data-tooltip', 'data-content', 'data-search', 'data-order', 'data-value'];
  let changed = 0;
  const before = document.body?.innerText ?? '';

  const roots = [];
  const collect = (root) => {
    roots.push(root);
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) collect(element.shadowRoot);
  };
  collect(document);
  const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);

  const patterned = (text) =>
    text.replace(EMAIL, (found) => (keep.includes(found.toLowerCase()) ? found : MASK)).replace(PHONE, MASK);
  const setText = (node, text) => { if (node.data !== text) { node.data = text; changed += 1; } };
  const textNodes = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walker.nextNode()) {
      const parent = walker.currentNode.parentElement;
      if (parent && !parent.closest('script, style, noscript, template') && walker.currentNode.data.trim()) {
        nodes.push(walker.currentNode);
      }
    }
    return nodes;
  };
  const maskWhole = (element) => {
    for (const node of textNodes(element)) setText(node, MASK);
    for (const each of [element, ...element.querySelectorAll('*')]) {
      for (const name of SAYING) if (each.hasAttribute(name)) { each.removeAttribute(name); changed += 1; }
      if (each.matches('img, svg image, canvas, video, picture, object, embed')) {
        each.style.setProperty('visibility', 'hidden', 'important');
      }
    }
  };

  for (const cell of all(CELL)) {
    // A day of a calendar, or the cell of a page that is laid out with tables.
    const kept = /^\d{0,2}$/.test(cell.textContent.trim()) || cell.querySelector(
      'table, select, textarea, input:not([type=checkbox]):not([type=radio]):not([type=hidden])');
    if (kept) cell.setAttribute(KEPT, ''); else { cell.removeAttribute(KEPT); maskWhole(cell); }
  }
  for (const link of all('a[href]')) {
    if (RECORD.test(link.getAttribute('href')) && !link.closest('nav, [role=navigation], [role=menu], [role=tablist]')) {
      maskWhole(link);
    }
  }
  // A card with a telephone number or an address on it is a lead's, and so are the cards beside it.
  const sameKind = (element) => [...(element.parentElement?.children ?? [])].filter(
    (other) => other.tagName === element.tagName && other.className === element.className);
  for (const root of roots) {
    for (const node of textNodes(root === document ? document.documentElement : root)) {
      const text = patterned(node.data);
      if (text === node.data) continue;
      let card = node.parentElement;
      for (let up = 0; card && up < 8; up += 1, card = card.parentElement) {
        if (card.matches('p, span, a, b, i, em, strong, label, body, form, footer, header, nav, dialog, [role=dialog]')) continue;
        if ((card.className || card.matches('li, article, [role=listitem], [role=row]')) && sameKind(card).length > 2) break;
      }
      if (card && card.parentElement && card !== document.body && sameKind(card).length > 2 &&
          !card.matches('p, span, a, label, body') && !card.closest('footer')) {
        for (const other of sameKind(card)) maskWhole(other);
      } else setText(node, text);
    }
  }
  for (const field of all('input, textarea')) {
    if (['checkbox', 'radio', 'button', 'submit', 'reset', 'hidden', 'file', 'image'].includes(field.type)) continue;
    if (!field.value) continue;
    field.dataset.robotFilled = '';
    field.style.setProperty('color', 'transparent', 'important');
    field.style.setProperty('-webkit-text-fill-color', 'transparent', 'important');
    if (/^(text|search|email|tel|url|password|textarea)$/.test(field.type) && field.value !== MASK) {
      Object.getOwnPropertyDescriptor(
        field instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype, 'value',
      ).set.call(field, MASK);
      changed += 1;
    }
  }
  for (const editable of all('[contenteditable]:not([contenteditable=false])')) maskWhole(editable);
  for (const element of all('*')) {
    for (const name of [...SAYING, 'placeholder', 'value']) {
      if (!element.hasAttribute(name)) continue;
      const said = element.getAttribute(name);
      if (patterned(said) !== said) { element.setAttribute(name, patterned(said)); changed += 1; }
    }
  }
  if (RECORD.test(location.pathname)) document.title = MASK;
  else if (patterned(document.title) !== document.title) document.title = patterned(document.title);

  const shown = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? true;
  const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim().slice(0, 80);
  const nameOf = (element) => clean(
    element.getAttribute('aria-label') || element.labels?.[0]?.innerText || element.innerText ||
    element.getAttribute('title') || element.getAttribute('data-original-title') || element.getAttribute('placeholder') ||
    (/^(submit|button|reset)$/.test(element.type) ? element.value : '') || element.name || '');
  const controls = all('button, input:not([type=hidden]), select, textarea, [role=button], [role=checkbox], [role=tab], ' +
    '[role=menuitem], [role=option], [role=combobox], nav a, a[role], summary')
    .filter((element) => shown(element) && !element.closest('td:not([' + KEPT + '])')).slice(0, 200).map((element) => {
      const kind = element.getAttribute('role') || (element.type && element.tagName === 'INPUT' ? `input ${element.type}` : element.tagName.toLowerCase());
      const states = [
        element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true' ? 'disabled' : '',
        element.checked || element.getAttribute('aria-checked') === 'true' ? 'ticked' : '',
        'robotFilled' in element.dataset ? 'filled' : '',
      ].filter(Boolean).join(', ');
      return `${kind}: ${nameOf(element)}${states ? ` (${states})` : ''}`;
    });
  return {
    changed,
    before,
    title: document.title,
    text: roots.map((root) => (root === document ? document.body : root.host)?.innerText ?? '').join('\n').slice(0, 100000),
    controls,
  };
}
