// The sounds of every section: picks, and a table to sort, filter, open and play.

const say = (name) => name.replaceAll("_", " ");

function number(value) {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (size && !(size >= 0.001 && size < 1e6)) return value.toExponential(1).replace("+", "");
  const digits = Math.max(0, size ? 2 - Math.floor(Math.log10(size)) : 0);
  const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", format);
}

// An element; keys that are no property of it are attributes. Text is never taken for HTML.
function make(tag, settings = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(settings)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function listen(part, { rows, metrics, sounds }) {
  const tools = part.querySelector(".tools");
  const body = part.querySelector("tbody[role]");
  const heads = [...part.querySelectorAll("[aria-sort]")];
  const names = ["target", ...rows.map((row) => row.name)];
  let metric = 0;
  let column = null; // Of `rows`; -1 is the name, null the order given.
  let descending = false;

  const worse = (a, b) => (metrics[metric].better === "lower" ? a - b : b - a);
  const badges = (sound) => sound.picks.flatMap((p) => [make("span", { className: `badge ${p}` }, p), " "]);

  function best(sound) {
    const scores = rows.map((row, i) => (row.kind === "ceiling" ? null : sound.scores[i][metric]));
    const known = scores.filter((score) => score !== null).sort(worse);
    return scores.map((score) => score !== null && score === known[0]);
  }

  // Column 0 is the target, the others are rows.
  function player(sound, i, ...content) {
    const score = i ? `, ${number(sound.scores[i - 1][metric])}` : "";
    return make("button", {
      type: "button",
      className: "player",
      "data-source": sound.audio[i],
      "aria-pressed": sound.audio[i] === source,
      "aria-label": `${say(names[i])} of ${sound.name}${score}`,
    }, ...content);
  }

  const icon = () => make("span", { className: "icon" });

  function pictured(sound, i) {
    const picture = sound.pictures[i] &&
      make("img", { loading: "lazy", src: sound.pictures[i], alt: "" });
    const score = i ? number(sound.scores[i - 1][metric]) : "";
    const label = make("span", {}, sound.audio[i] ? icon() : "", say(names[i]));
    const words = make("span", { className: "words" }, label, make("span", {}, score));
    const content = [picture, words].filter(Boolean);
    return sound.audio[i] ? player(sound, i, ...content) : make("div", {}, ...content);
  }

  function details(sound) {
    const facts = sound.facts.map(([name, value]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, value)));
    const there = names.map((_, i) => i).filter((i) => sound.audio[i] || sound.pictures[i]);
    const head = make("tr", {}, make("th", {}), ...metrics.map((m) =>
      make("th", { scope: "col" }, say(m.name), m.unit ? make("small", {}, ` ${m.unit}`) : "")));
    const lines = rows.map((row, i) => make("tr", {}, make("th", { scope: "row" }, say(row.name)),
      ...sound.scores[i].map((score) => make("td", { className: "number" }, number(score)))));
    const content = make("div", {},
      make("dl", { className: "facts" }, ...facts),
      make("div", { className: "players" }, ...there.map((i) => pictured(sound, i))),
      make("div", { className: "numbers" },
        make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines))));
    return make("td", { role: "gridcell", colSpan: names.length + 1 }, content);
  }

  function line(sound, order) {
    const name = make("button", { type: "button", className: "name", "aria-expanded": "false" },
      ...badges(sound), sound.name, make("small", {}, sound.note));
    const cells = names.map((n) => make("td", { role: "gridcell", "data-row": say(n) }));
    const row = make("tr", { role: "row", className: "sound" },
      make("th", { role: "rowheader", scope: "row" }, name), ...cells);
    const more = make("tr", { role: "row", className: "details", hidden: true });
    name.addEventListener("click", () => {
      more.hidden = !more.hidden;
      name.setAttribute("aria-expanded", String(!more.hidden));
      more.replaceChildren(...(more.hidden ? [] : [details(sound)]));
      light();
    });
    const words = [sound.name, sound.note, ...sound.picks, ...sound.facts.flat()];
    return { sound, order, row, more, name, cells, text: words.join(" ").toLowerCase() };
  }

  const lines = sounds.map(line);

  function compare(a, b) {
    if (column === null) return a.order - b.order;
    const sign = descending ? -1 : 1;
    if (column < 0) return sign * a.sound.name.localeCompare(b.sound.name, "en", { numeric: true });
    const [x, y] = [a.sound.scores[column][metric], b.sound.scores[column][metric]];
    if (x === null || y === null) return (x === null) - (y === null); // Unknown ones stay last.
    return sign * (x - y) || a.order - b.order;
  }

  // Numbers of the chosen metric, in the lines and in what is open.
  function score() {
    for (const { sound, cells, more } of lines) {
      const wins = best(sound);
      cells.forEach((cell, i) => {
        const text = i ? number(sound.scores[i - 1][metric]) : "";
        const button = sound.audio[i] && player(sound, i, icon(), text);
        if (button && i) button.classList.toggle("best", wins[i - 1]);
        cell.replaceChildren(button || text);
      });
      if (!more.hidden) more.replaceChildren(details(sound));
    }
    light();
  }

  function arrange() {
    const wanted = tools.filter.value.toLowerCase().split(/\s+/);
    lines.sort(compare);
    let shown = 0;
    for (const { row, more, name, text } of lines) {
      row.hidden = !wanted.every((word) => text.includes(word));
      more.hidden = row.hidden || name.getAttribute("aria-expanded") !== "true";
      shown += !row.hidden;
      body.append(row, more);
    }
    heads.forEach((head, i) => {
      const way = descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", column === i - 1 ? way : "none");
    });
    tools.shown.value = `${shown} of ${lines.length} sounds`;
    enter(lines.find(({ row }) => !row.hidden)?.name);
  }

  // The table is one stop of the tab key; arrows move in it.
  function enter(button) {
    for (const other of body.querySelectorAll(".sound button")) other.tabIndex = -1;
    if (button) button.tabIndex = 0;
  }

  function move(event) {
    const cell = event.target.closest(".sound > *");
    const row = cell?.parentElement;
    const steps = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 };
    const step = steps[event.key];
    if (!cell || !step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    let goal;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      const buttons = [...row.querySelectorAll("button")];
      goal = buttons[buttons.indexOf(event.target) + step];
    } else {
      const open = lines.map((l) => l.row).filter((r) => !r.hidden);
      const next = open[open.indexOf(row) + step];
      goal = next?.cells[cell.cellIndex].querySelector("button") ?? next?.querySelector("button");
    }
    goal?.focus();
  }

  function picks() {
    const box = part.querySelector(".picks");
    const cards = ["best", "median", "worst"].flatMap((pick) =>
      sounds.filter((sound) => sound.picks.includes(pick)).map((sound) =>
        make("article", { className: "pick" },
          make("h4", {}, make("span", { className: `badge ${pick}` }, pick), " ", sound.name),
          make("div", { className: "players" }, pictured(sound, 0), pictured(sound, 1)))));
    box.replaceChildren(...cards);
    box.hidden = !cards.length;
  }

  heads.forEach((head, i) => head.addEventListener("click", () => {
    const first = i > 0 && metrics[metric].better === "higher"; // The best on top.
    descending = column === i - 1 ? !descending : first;
    column = i - 1;
    arrange();
  }));
  tools.metric.addEventListener("change", () => {
    metric = Number(tools.metric.value);
    if (column !== null) descending = column >= 0 && metrics[metric].better === "higher";
    picks();
    score();
    arrange();
  });
  tools.filter.addEventListener("input", arrange);
  tools.addEventListener("submit", (event) => event.preventDefault());
  body.addEventListener("keydown", move);
  body.addEventListener("focusin", (event) => {
    if (event.target.closest(".sound")) enter(event.target);
  });
  tools.reset(); // Browsers keep what was chosen before a reload.
  picks();
  score();
  arrange();
}

const data = JSON.parse(document.getElementById("data").textContent);
for (const part of document.querySelectorAll("[data-section]")) {
  const section = data[part.dataset.section];
  if (section.sounds.length) listen(part, section);
}
