// A planned notice is dragged to a day of the month: the form that moves it opens with that day, and nothing is moved
// before its button is pressed. Without this script its link “Move” opens the same form.
"use strict";

(() => {
  let held = "";
  for (const item of document.querySelectorAll("[data-notice]")) {
    item.addEventListener("dragstart", (event) => {
      held = item.dataset.notice;
      event.dataTransfer.setData("text/plain", held);
    });
  }
  for (const day of document.querySelectorAll("[data-day]")) {
    day.addEventListener("dragover", (event) => {
      if (held) event.preventDefault();
    });
    day.addEventListener("drop", (event) => {
      event.preventDefault();
      if (!held) return;
      location.href = `${location.pathname}?${new URLSearchParams({ move: held, day: day.dataset.day })}#move`;
    });
  }
})();
