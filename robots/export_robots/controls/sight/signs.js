// Ticks that are only drawn: a sign in front of each entry, of which nothing but its class or letter tells the state.
const SIGN = /(^|[\s_-])(check|checkbox|unchecked|checked|square|tick|circle|radio)|check_box|[☐☑☒✓✔□■]/i;
const BLANK = /blank|uncheck|untick|empty|[☐□]/i;
const PARTLY = /minus|indeterminate|dash/i;
const TICKED = /check|tick|marked|selected|done|[☑☒✓✔■]/i;
const signOf = (el) => [classOf(el), el.getAttribute("data-icon") || "", ownText(el)].join(" ");
const signState = (el) => {
  const said = signOf(el);
  return BLANK.test(said.replace(/checkbox/gi, " ")) ? false : PARTLY.test(said) ? "mixed" : TICKED.test(said.replace(/check-?box(?!-?(outline|marked|fill))/gi, " "));
};
const signs = (scope) =>
  [...within(scope)].filter((el) => {
    if (el.ownerSVGElement || (el.childElementCount && el.tagName !== "svg") || el.matches("input,option,select")) return false;
    return !/\p{L}{2}/u.test(ownText(el).replace(/check_box\w*/g, "")) && SIGN.test(signOf(el)) && seen(el);
  });
// Rows with such a sign, all in one column: [{label, checked, row, tick}].
const signTicks = (scope) => {
  const found = signs(scope);
  const left = found.map((el) => Math.round(rect(el).left));
  const items = [];
  found.forEach((el, index) => {
    if (left.filter((other) => Math.abs(other - left[index]) < 4).length < 2) return;
    for (let up = parentOf(el), steps = 0; up && steps < 6; up = parentOf(up), steps++) {
      if (found.some((other) => other !== el && holds(up, other))) return;
      const label = S.text(up).replace(ownText(el), "").trim();
      if (!label) continue;
      let row = up; // the whole line is what a person clicks
      while (parentOf(row) && !operable(row) && rect(parentOf(row)).height < rect(up).height * 1.5 && !found.some((other) => other !== el && holds(parentOf(row), other))) row = parentOf(row);
      if (label.length < 80) items.push({ label, checked: signState(el), row, tick: el, enabled: S.enabled(row) });
      return;
    }
  });
  return items.length > 1 ? items : [];
};
