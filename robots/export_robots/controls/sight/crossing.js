// How elements cross to Python and back: as {"$": n}; a number means nothing after a navigation.
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
  if (Array.isArray(value)) {
    // Of several parts of a page some may have been drawn anew: the others still stand for it.
    const there = value.filter((entry) => !(entry && typeof entry === "object" && "$" in entry) || refs[entry.$]?.isConnected);
    return (there.length ? there : value).map(back);
  }
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
