// The page is whole without this: it adds search, sorting, what lies under the pointer, and opens what is folded for print.
"use strict";

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// Tables

const orderOf = cell => {
  const text = cell.dataset.order ?? cell.textContent.trim();
  const number = Number(text.replace(/[,%\s]/g, "").replace("−", "-"));
  return text !== "" && !Number.isNaN(number) ? number : text;
};
const compare = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;

const sortBy = (table, place) => {
  const heads = [...table.tHead.rows[0].cells];
  const up = heads[place].getAttribute("aria-sort") !== "ascending";
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[place].setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map(row => [orderOf(row.cells[place]), row]);
  rows.sort((a, b) => compare(a[0], b[0]) * (up ? 1 : -1));
  table.tBodies[0].append(...rows.map(each => each[1]));
};

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(table, place));
    head.append(button);
  });
}

const searchBox = (label, changed) => {
  const box = make("input", { type: "search", className: "search", placeholder: label });
  box.setAttribute("aria-label", label);
  box.addEventListener("input", () => changed(box.value.trim().toLowerCase()));
  return box;
};

for (const table of document.querySelectorAll("table.searchable")) {
  const rows = [...table.tBodies[0].rows];
  if (rows.length < 8) continue;
  const count = make("output", {}, "");
  const search = searchBox("Search these rows", wanted => {
    let seen = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      seen += !row.hidden;
    }
    count.textContent = wanted ? `${seen} of ${rows.length}` : "";
  });
  table.closest(".scroll").before(make("div", { className: "tools" }, search, count));
}

// Columns

const list = document.querySelector(".cardlist");
if (list) {
  const cards = [...list.children];
  const named = cards.map(card => (card.querySelector("h3").textContent + " " + card.querySelector(".kind").textContent).toLowerCase());
  const lines = new Map([...document.querySelectorAll("tr[data-card]")].map(row => [row.dataset.card, row]));
  const count = make("output", {}, "");
  let wanted = "", role = "";
  const show = () => {
    let seen = 0;
    cards.forEach((card, place) => {
      card.hidden = !named[place].includes(wanted) || (role !== "" && card.dataset.role !== role);
      const line = lines.get(card.id);
      if (line) line.hidden = card.hidden;
      seen += !card.hidden;
    });
    count.textContent = `${seen} of ${cards.length} columns`;
  };
  const orders = {
    "as in the file": card => +card.dataset.place, "worst issues first": card => +card.dataset.issues,
    "lowest quality first": card => +card.dataset.quality, "most missing first": card => -card.dataset.missing,
    "most distinct first": card => -card.dataset.distinct, "fewest distinct first": card => +card.dataset.distinct,
  };
  const byName = (a, b) => named[+a.dataset.place].localeCompare(named[+b.dataset.place]);
  const order = make("select", {}, ...Object.keys(orders).map(name => make("option", {}, name)), make("option", {}, "by name"));
  order.addEventListener("change", () => {
    const key = orders[order.value];
    list.append(...[...cards].sort(key ? (a, b) => key(a) - key(b) || a.dataset.place - b.dataset.place : byName));
  });
  const roles = [...new Set(cards.map(card => card.dataset.role))].sort();
  const filter = make("select", {}, make("option", { value: "" }, "all"), ...roles.map(name => make("option", { value: name }, name)));
  filter.addEventListener("change", () => { role = filter.value; show(); });
  count.setAttribute("aria-live", "polite");
  list.parentElement.querySelector("h2").after(make("div", { className: "tools" }, searchBox("Search columns", text => { wanted = text; show(); }),
    make("label", {}, "Order", order), make("label", {}, "Show", filter), count));
  show();
  // A link to a column that the search has hidden shows it.
  addEventListener("hashchange", () => {
    const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (card?.hidden) card.hidden = false;
  });
}

// What lies far from the window is laid out when it comes near, so a jump aims again until it has arrived.

const CALM = 3, PATIENCE = 60;
const arrive = (target, calm = 0, tries = PATIENCE) => {
  const before = target.getBoundingClientRect().top;
  target.scrollIntoView({ behavior: "instant" });
  const still = Math.abs(target.getBoundingClientRect().top - before) < 2;
  if (tries && calm < CALM) requestAnimationFrame(() => arrive(target, still ? calm + 1 : 0, tries - 1));
};
const jump = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) requestAnimationFrame(() => arrive(target));
};
addEventListener("hashchange", jump);
addEventListener("click", event => { if (event.target.closest?.("a")?.hash === location.hash) jump(); });
jump();

// What lies under the pointer

const tip = make("div", { className: "tip", hidden: true });
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
const told = new WeakMap();
const read = (plot, name) => {
  if (!told.has(plot)) told.set(plot, {});
  const kept = told.get(plot);
  return kept[name] ??= JSON.parse(plot.dataset[name]);
};
const said = (plot, x, y) => {
  if (plot.dataset.tips) {
    const tips = read(plot, "tips");
    return tips[Math.min(tips.length - 1, Math.floor(x * tips.length))];
  }
  const names = read(plot, "names"), values = read(plot, "values");
  const row = Math.min(names.length - 1, Math.floor(y * names.length)), column = Math.min(names.length - 1, Math.floor(x * names.length));
  const value = values[row][column];
  return row === column ? names[row] : `${names[row]} × ${names[column]}: ${value === null ? "–" : value}`;
};
addEventListener("pointermove", event => {
  const plot = event.target.closest?.("svg[data-tips], svg[data-names]");
  tip.hidden = !plot;
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  tip.textContent = said(plot, Math.max(0, (event.clientX - box.left) / box.width), Math.max(0, (event.clientY - box.top) / box.height));
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${event.clientY > 60 ? event.clientY - tip.offsetHeight - 10 : event.clientY + 16}px`;
}, { passive: true });

// Where the reader is

const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
const inView = new Set();
const watch = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) isIntersecting ? inView.add(target.id) : inView.delete(target.id);
  const current = [...links.keys()].find(id => inView.has(id));
  if (!current) return;
  for (const [id, link] of links) id === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
}, { rootMargin: "-15% 0px -60% 0px" });
for (const id of links.keys()) watch.observe(document.getElementById(id));

// Print: what is folded is opened, but for the figures of very many columns.

const MANY = 60;
addEventListener("beforeprint", () => {
  const many = document.querySelectorAll(".column").length > MANY;
  for (const fold of document.querySelectorAll("details:not([open])")) {
    if (many && fold.closest(".column")) continue;
    fold.open = true;
    fold.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details[data-printed]")) { fold.open = false; delete fold.dataset.printed; }
});
