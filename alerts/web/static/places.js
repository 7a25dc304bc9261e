// Suggestions while somebody types a place. Without this script the form finds it just as well.
"use strict";

(() => {
  const input = document.querySelector("[data-suggestions]");
  const list = input && document.getElementById(input.getAttribute("list"));
  if (!list) return;
  let asked = 0;
  let timer = 0;

  const suggest = async () => {
    const text = input.value.trim();
    if (text.length < 3) return list.replaceChildren();
    const turn = ++asked;
    const query = new URLSearchParams({ q: text, lang: document.documentElement.lang });
    const answer = await fetch(`${input.dataset.suggestions}?${query}`).catch(() => null);
    if (!answer?.ok || turn !== asked) return;
    const { places } = await answer.json();
    list.replaceChildren(...places.map(({ words }) => Object.assign(document.createElement("option"), { value: words })));
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, 250);
  });
})();
