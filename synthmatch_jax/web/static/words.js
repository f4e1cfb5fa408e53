// All that the page says, from one file of words for each language: words.LANGUAGE.json.

let words = {};

/** Loads the words of the visitor's language, or else English ones. */
export async function load(languages) {
  const wanted = navigator.languages.map((one) => one.slice(0, 2));
  const language = wanted.find((one) => languages.includes(one)) ?? "en";
  words = await (await fetch(`/static/words.${language}.json`)).json();
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const [attribute, name] of [["tLabel", "aria-label"], ["tPlaceholder", "placeholder"]]) {
    const selector = `[data-${attribute.replace("tL", "t-l").replace("tP", "t-p")}]`;
    for (const element of document.querySelectorAll(selector)) {
      element.setAttribute(name, t(element.dataset[attribute]));
    }
  }
}

/** Returns a text with its {values}. */
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Returns a number with a number of digits behind the point, as the language writes it. */
export function digits(value, count = 1) {
  const fixed = { minimumFractionDigits: count, maximumFractionDigits: count };
  return value.toLocaleString(document.documentElement.lang, fixed);
}

/** Sets whether a button can be pressed; one that cannot any more hands the focus on. */
export function enable(button, isOn, other) {
  const had = document.activeElement === button;
  button.disabled = !isOn;
  if (had && !isOn) other.focus();
}

/** Says something beside what it is about; an error is announced at once. */
export function say(element, text, { isError = false } = {}) {
  element.classList.toggle("error", isError);
  element.setAttribute("role", isError ? "alert" : "status");
  element.textContent = text;
}
