// Follows a notice while it leaves: its panel is renewed as the server sends it. A screen reader hears 25, 50, 75 and
// 99 percent, and the first failure. Without this script the page shows how far it was when it was opened.
"use strict";

(() => {
  const panel = document.getElementById("progress");
  const told = document.getElementById("told");
  if (!panel?.dataset.progress || !window.EventSource) return;
  const MARKS = [25, 50, 75, 99];
  let reached = 0;
  let failed = false;

  const tell = () => {
    const share = Number(panel.querySelector("[data-share]")?.dataset.share || 0);
    const mark = MARKS.filter((one) => share >= one).pop() || 0;
    const words = [];
    if (mark > reached) words.push(`${mark} percent have left.`);
    if (!failed && panel.querySelector("[data-failed]")) {
      failed = true;
      words.push("Some messages failed: the reasons stand below.");
    }
    reached = Math.max(reached, mark);
    if (words.length) told.textContent = words.join(" ");
  };

  // What can still be stopped was counted when the page was opened.
  let counts = 0;
  const recount = async () => {
    counts = 0;
    const there = document.getElementById("stop");
    const answer = there && (await fetch(location.href).catch(() => null));
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("stop");
    if (next && !there.contains(document.activeElement)) there.innerHTML = next.innerHTML;
  };

  const stream = new EventSource(panel.dataset.progress);
  const show = ({ data }) => {
    if (data) panel.innerHTML = data;
    tell();
  };
  stream.addEventListener("message", (event) => {
    show(event);
    counts ||= setTimeout(recount, 2000); // of many changes, one count
  });
  stream.addEventListener("complete", (event) => {
    show(event);
    told.textContent = "All have left.";
    stream.close();
    clearTimeout(counts);
    recount();
  });
})();
