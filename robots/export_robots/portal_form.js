// Describes what a person could fill in, tick, press or drop a file on, in one document and its open shadow roots.
// Returns { items, elements, targets }: items[i] describes elements[i]; targets[i] is what to click for it.
() => {
  const roots = [];
  const collect = (root) => {
    roots.push(root);
    for (const element of root.querySelectorAll('*')) if (element.shadowRoot) collect(element.shadowRoot);
  };
  collect(document);
  const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
  const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
  const shown = (element) => {
    if (!element || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && box.right > 0 && box.bottom + scrollY > 0;
  };
  const OPERATED = 'input, select, textarea, button, [role=checkbox], [role=switch], [role=radio], [role=option], ' +
    '[role=button], [role=combobox], [role=listbox]';
  const referenced = (element, name) => (element.getAttribute(name) ?? '').split(/\s+/).filter(Boolean)
    .map((id) => clean(element.getRootNode().getElementById?.(id)?.textContent)).filter(Boolean).join(' ');
  const labelsOf = (element) => [...(element.labels ?? [])];
  const ownText = (element) => {
    const copy = element.cloneNode(true);
    for (const inner of copy.querySelectorAll('select, textarea, script, style, option')) inner.remove();
    return clean(copy.textContent);
  };
  // Text beside the element, as long as it belongs to no other control.
  const near = (element) => {
    for (let at = element, up = 0; at && up < 4; at = at.parentElement, up += 1) {
      for (const side of ['previousSibling', 'nextSibling']) {
        if (side === 'nextSibling' && !/^(checkbox|radio)$/.test(element.type ?? '') && !element.matches('[role=checkbox], [role=switch], [role=radio]')) continue;
        for (let sibling = at[side]; sibling; sibling = sibling[side]) {
          if (sibling.nodeType === 1 && (sibling.matches(OPERATED) || sibling.querySelector(OPERATED))) break;
          const text = clean(sibling.textContent);
          if (text && text.length <= 80) return text;
          if (text) break;
        }
      }
      if (at.parentElement && at.parentElement.querySelectorAll(OPERATED).length > 1) {
        const cell = at.closest('td');
        if (!cell || cell.contains(at.parentElement)) break;
      }
    }
    return '';
  };
  const nameOf = (element) => {
    const labels = labelsOf(element).map(ownText).filter(Boolean).join(' ');
    return referenced(element, 'aria-labelledby') || clean(element.getAttribute('aria-label')) || labels ||
      (element.matches('[role], button, a, summary') && !element.matches('[role=combobox], [role=textbox]') ? clean(element.innerText || element.textContent) : '') ||
      clean(element.getAttribute('placeholder')) || clean(element.getAttribute('title')) || near(element);
  };
  const forms = all('form');
  const items = [];
  const elements = [];
  const targets = [];
  const add = (element, kind, more = {}, target = element) => {
    const required = element.required || element.getAttribute('aria-required') === 'true';
    const name = nameOf(element);
    items.push({
      kind,
      name: name.slice(0, 200),
      hints: clean([element.getAttribute('placeholder'), element.getAttribute('name'), element.id, element.getAttribute('autocomplete'),
        element.getAttribute('title'), labelsOf(element).map(ownText).join(' ')].filter(Boolean).join(' | ')).slice(0, 300),
      required: Boolean(required || /\*\s*$|^\s*\*|\((?:required|obligatoire)\)/i.test(name)),
      visible: shown(target),
      disabled: element.matches(':disabled') || element.getAttribute('aria-disabled') === 'true' || Boolean(element.closest('fieldset:disabled, [inert]')),
      form: forms.indexOf(element.form ?? element.closest('form')),
      ...more,
    });
    elements.push(element);
    targets.push(target);
  };
  const styled = (element) => {
    if (shown(element)) return element;
    const label = labelsOf(element).find(shown);
    if (label) return label;
    const around = element.parentElement?.closest('label, [role=checkbox], [class*=check], [class*=switch], [class*=toggle]');
    return around && shown(around) ? around : element;
  };

  for (const element of all('input, textarea')) {
    const type = element.tagName === 'TEXTAREA' ? 'textarea' : element.type;
    if (type === 'checkbox' || type === 'radio') {
      add(element, type === 'radio' ? 'radio' : 'box', { checked: element.checked, native: true, group: element.name }, styled(element));
    } else if (type === 'file') {
      add(element, 'file', { multiple: element.multiple, accept: element.accept, files: [...element.files].map((file) => [file.name, file.size]) });
    } else if (['submit', 'button', 'image', 'reset'].includes(type)) {
      add(element, 'button', { submit: type === 'submit' || type === 'image', name: clean(element.value || element.alt) || nameOf(element) });
      items.at(-1).name = clean(element.value || element.alt) || nameOf(element);
    } else if (type !== 'hidden') {
      add(element, 'text', { type, value: element.value, readonly: element.readOnly });
    }
  }
  for (const element of all('select')) {
    add(element, 'select', {
      multiple: element.multiple,
      options: [...element.options].map((option) => ({ text: clean(option.textContent), value: option.value, selected: option.selected, disabled: option.disabled })),
    });
  }
  for (const element of all('[role=checkbox], [role=switch], [role=menuitemcheckbox], [role=radio], [role=option], button[aria-pressed], [role=button][aria-pressed]')) {
    if (element.matches('input') || (element.querySelector('input[type=checkbox], input[type=radio]') && element.matches('[role=option]') === false && element.tagName === 'LABEL')) continue;
    const role = element.getAttribute('role');
    const state = element.getAttribute('aria-checked') ?? element.getAttribute('aria-pressed') ?? element.getAttribute('aria-selected');
    if (state === null && role === 'option') continue;
    const single = role === 'radio' || (role === 'option' && element.closest('[role=listbox]')?.getAttribute('aria-multiselectable') !== 'true');
    add(element, single ? 'radio' : 'box', { checked: state === 'true', native: false, group: '' });
  }
  for (const element of all('[role=combobox], [aria-haspopup=listbox], [aria-haspopup=menu], [aria-haspopup=true]')) {
    if (element.matches('input[type=file]')) continue;
    if (!element.matches('select')) add(element, 'opener', { shows: clean(element.innerText || element.value).slice(0, 200) });
  }
  for (const element of all('button, [role=button], a')) {
    if (element.hasAttribute('aria-pressed')) continue;
    const role = element.getAttribute('role');
    if (element.tagName === 'A' && role !== 'button' && !/\bbtn\b|button/i.test(element.className) && !/^(#|javascript:|$)/i.test(element.getAttribute('href') ?? '')) continue;
    add(element, 'button', { submit: element.tagName === 'BUTTON' && element.type === 'submit' });
  }
  const DROP = /\b(drag|drop|browse|choose|select|add|attach|glisse[rz]?|dépose[rz]?|parcourir|choisir|sélectionne[rz]?|ajoute[rz]?|joindre)\b/i;
  const zones = all('div, section, label, span, p, a, button, fieldset, form').filter((element) => {
    if (!shown(element)) return false;
    const text = clean(element.innerText);
    return text.length <= 250 && DROP.test(`${text} ${element.getAttribute('aria-label') ?? ''}`) &&
      /\b(files?|fichiers?|drop|dépose[rz]?|csv|browse|parcourir|here|ici)\b/i.test(text) ||
      (/drop-?zone|file-?drop|upload-?(area|zone)|drag-?(area|zone)/i.test(`${element.className} ${element.id}`) && text.length <= 250);
  });
  for (const zone of zones) {
    const inner = zones.filter((other) => other !== zone && zone.contains(other)).length;
    add(zone, 'zone', { depth: inner });
  }
  return { items, elements, targets };
}
