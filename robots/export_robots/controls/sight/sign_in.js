// Menus, forms and sign-in pages.
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
// A list may be one of leads; the user's menu is often a list, too.
const inList = (el) => el.closest("td,[role=cell],[role=gridcell],[role=row]") || (el.closest("li") && !el.closest("[role=menu],[role=menuitem],[class*=dropdown i],[class*=menu i]"));
S.addresses = () => {
  const found = new Set();
  for (const el of walk(document.body)) {
    if (!/@/.test(ownText(el)) || !seen(el) || inList(el)) continue;
    for (const match of ownText(el).matchAll(/[\w.+-]+@[\w.-]+\.\w+/g)) found.add(match[0].toLowerCase());
  }
  return [...found];
};
// Where a code's boxes are only drawn, an unseen field lies over them and takes the keys.
const drawnOver = (inputs) => inputs.filter((el) => el.autocomplete === "one-time-code" && !el.readOnly && !el.disabled && el.checkVisibility({ visibilityProperty: true }));
// What a sign-in page offers and says.
S.signIn = () => {
  const inputs = [...document.querySelectorAll("input")];
  const fields = S.fields(null).map((field) => ({ ...field, index: inputs.indexOf(field.el) }));
  if (!fields.some((field) => field.editable)) fields.push(...drawnOver(inputs).map((el) => ({ el, type: el.type, value: el.value, names: S.names(el), editable: true, name: el.name, autocomplete: el.autocomplete, index: inputs.indexOf(el) })));
  const headings = [...walk(document.body)].filter((el) => el.matches("h1,h2,h3,h4,[role=heading],legend,label,p,.title") && seen(el)).map(S.text).filter((shown) => shown && shown.length < 300);
  const sentences = [...walk(document.body)].filter((el) => /\S\s+\S+\s+\S/.test(ownText(el)) && !el.matches("button,a") && seen(el)).map(S.text).filter((shown) => shown.length < 300);
  const captcha = [...walk(document.body)].some((el) =>
    (el.matches("iframe") && !el.closest(".grecaptcha-badge") && /captcha|turnstile|challenge|arkose|funcaptcha/i.test(el.src + " " + el.title + " " + el.name) && seen(el)) ||
    (/(^|[\s_-])(g-recaptcha|h-captcha|cf-turnstile|captcha)/i.test(classOf(el) + " " + el.id) && seen(el) && rect(el).height > 20));
  return { fields, headings: [document.title, ...headings], alerts: S.alerts(), sentences, captcha, boxes: [...walk(document.body)].filter((el) => el.matches("input[type=checkbox]")).length };
};
S.signInForm = () => {
  for (const el of walk(document.body)) {
    if (el.matches("input[type=password],input[autocomplete=username]") && seen(el)) return true;
    if (el.matches("dialog,[role=dialog],[role=alertdialog],[role=alert]") && seen(el) && /session\b.*\b(expire|expired|ended|terminee|inactiv)/.test(S.fold(text(el)).slice(0, 300))) return true;
  }
  return /(^|[/#?_.-])(log-?in|sign-?in|connexion|session\/new|auth)([/#?&_.=-]|$)/i.test(location.pathname + location.hash) &&
    [...walk(document.body)].some((el) => el.matches("input[type=email],input[type=text],input:not([type])") && seen(el));
};
