// The words of a draft by language: a tab for each, and the first language beside the chosen one where there is room.
// Without this script all languages stand in the page.
"use strict";

(() => {
  const box = document.querySelector("[data-languages]");
  const list = box?.querySelector("[role=tablist]");
  if (!list) return;
  const WIDE = matchMedia("(min-width: 60rem)");
  const tabs = [...list.children];
  const panels = tabs.map((tab) => document.getElementById(tab.getAttribute("aria-controls")));

  const select = (chosen, focus = false) => {
    tabs.forEach((tab, index) => {
      const on = index === chosen;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
      panels[index].classList.toggle("on", on);
    });
    if (focus) tabs[chosen].focus();
  };

  // A link to a field brings its language to the front first.
  const reveal = (hash) => {
    const field = hash.length > 1 && document.getElementById(hash.slice(1));
    const index = field ? panels.findIndex((panel) => panel.contains(field)) : -1;
    if (index < 0) return false;
    select(index);
    return true;
  };

  list.addEventListener("click", ({ target }) => select(tabs.indexOf(target.closest("[role=tab]"))));
  list.addEventListener("keydown", (event) => {
    const now = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select((to + tabs.length) % tabs.length, true);
  });
  document.addEventListener("click", ({ target }) => {
    const link = target.closest("a[href*='#']");
    if (link && link.pathname === location.pathname) reveal(link.hash);
  });
  addEventListener("hashchange", () => reveal(location.hash));

  panels.forEach((panel, index) => {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tabs[index].id);
  });
  list.hidden = false;
  box.classList.add("tabbed");
  const wrong = panels.findIndex((panel) => panel.querySelector(".error"));
  const asked = tabs.findIndex((tab) => tab.id === `tab-${box.dataset.shown}`);
  if (!reveal(location.hash)) select([wrong, asked].find((index) => index >= 0) ?? (WIDE.matches ? 1 : 0));
})();
