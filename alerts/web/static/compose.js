// Saves a draft one second after the last letter, and renews what depends on it: whom it reaches, how it reads, what is
// missing. A place that is being typed counts once it is added, a blank once it is filled in by a button. While an area is
// drawn, it is counted without being saved.
// Without this script the form saves by its buttons.
"use strict";

(() => {
  const form = document.querySelector("form[data-compose]");
  if (!form) return;
  const AFTER_MS = 1000;
  const said = document.getElementById("saved");
  const parts = ["aside", "area", "fine", "dock", "talk"].map((id) => [id, document.getElementById(id)]);
  let timer = 0;
  let asking = false;
  let again = false;

  const say = (words) => {
    if (said.textContent !== words) said.textContent = words;
  };

  // A place in mid-typing counts once it is added; a press on the map, or a drawn area, at once.
  let marked = false;
  let began = false; // a new draft is made by the first word, whatever its field
  const isBlank = (name) => name.startsWith("fill-");
  const values = () => {
    const typed = new FormData(form);
    const never = ["pick", "reaches", "geojson", "postcodes", "comment", "about"];
    const later = marked ? never : ["near", "area", ...never];
    later.forEach((name) => typed.delete(name));
    [...typed.keys()].filter(isBlank).forEach((name) => typed.delete(name));
    typed.set("do", "auto");
    return new URLSearchParams([...typed].filter(([, value]) => typeof value === "string"));
  };

  // What a colleague has changed is shown, but where somebody has typed since.
  const show = (taken, sent) => {
    for (const [name, value] of Object.entries(taken)) {
      if (value === true) continue; // the area, which comes as a part of the page
      for (const field of form.elements) {
        if (field.name !== name) continue;
        if (field.type === "checkbox") field.checked = value.includes(field.value);
        else if (field.value === (sent.get(name) ?? "")) field.value = value;
      }
    }
  };

  // Letters left are counted here as one types; the whole text message only where it is made.
  const lettersSaid = document.getElementById("letters-said");
  const { left, over } = document.getElementById("words").dataset;
  const counterOf = (field) => document.getElementById(`${field.name}-n`);

  const countLetters = (field) => {
    const counter = counterOf(field);
    const most = Number(counter?.dataset.most);
    if (!most) return;
    const letters = Array.from(field.value.trim()).length;
    const rest = Math.abs(most - letters);
    const words = letters <= most ? left : over;
    counter.textContent = words.replace("{letters}", letters).replace("{rest}", rest).replace("{most}", most);
  };

  // Read out after a second's rest: the counter of the field that is being written.
  let lettersTimer = 0;
  const sayLetters = () => {
    clearTimeout(lettersTimer);
    lettersTimer = setTimeout(() => {
      const field = document.activeElement;
      const words = field?.name && counterOf(field)?.textContent;
      if (words && lettersSaid.textContent !== words) lettersSaid.textContent = words;
    }, AFTER_MS);
  };

  const showCounts = (counts = {}) => {
    for (const [name, words] of Object.entries(counts)) {
      const counter = document.getElementById(`${name}-n`);
      if (counter && !counter.dataset.most && counter.textContent !== words) {
        counter.textContent = words;
        if (document.activeElement?.name === name) sayLetters();
      }
    }
  };

  const showLacks = (lacks) => {
    for (const place of document.querySelectorAll("[data-lacks]")) place.textContent = lacks[place.dataset.lacks] ?? "";
  };

  // What was opened stays open when its part of the page is renewed.
  const put = (part, html) => {
    const opened = [...part.querySelectorAll("details[open][id]")].map(({ id }) => id);
    part.innerHTML = html;
    for (const one of part.querySelectorAll("details[id]")) one.open = opened.includes(one.id);
  };

  const renew = ({ url, version, position, saved, taken, counts, lacks, ...made }, sent) => {
    showCounts(counts);
    showLacks(lacks);
    show(taken, sent);
    form.elements.version.value = version;
    form.elements.position.value = position;
    if (!form.hasAttribute("action")) history.replaceState(null, "", url);
    form.action = url;
    for (const [id, part] of parts) {
      if (part && made[id] !== undefined && (taken[id] || !part.contains(document.activeElement))) put(part, made[id]);
    }
    say(saved);
  };

  const refused = async (answer) => {
    const { errors = {}, counts } = await answer.json().catch(() => ({}));
    showCounts(counts);
    const [first] = Object.values(errors);
    say(first ? `Not saved yet. ${first}` : "Not saved. Press “Save the draft”.");
  };

  const save = async () => {
    if (asking) {
      again = true;
      return;
    }
    if (!form.hasAttribute("action") && !began && !marked) return;
    asking = true;
    const whole = marked;
    const sent = values();
    try {
      const answer = await fetch(form.hasAttribute("action") ? form.action : location.href, {
        method: "POST", body: sent, redirect: "manual", headers: { Accept: "application/json" },
      });
      if (answer.ok) {
        renew(await answer.json(), sent);
        if (whole) {
          marked = false;
          for (const name of ["near", "area"]) if (form.elements[name]) form.elements[name].value = "";
        }
      }
      else if (answer.type === "opaqueredirect" || answer.status === 401) {
        say("Your sign-in has ended. Sign in again in another tab: what you typed stays here.");
      } else await refused(answer);
    } catch {
      say("Not saved: no connection. What you typed stays here, and is saved once it is back.");
      timer = setTimeout(save, 5 * AFTER_MS);
    } finally {
      asking = false;
      if (again) {
        again = false;
        later();
      }
    }
  };

  // While corners are drawn: one question at a time, the latest wins, and a screen reader hears it after a second's rest.
  const DRAWN_MS = 150;
  const UNCOUNTED = "Not counted just now: finish the area, then it is counted again.";
  const counted = document.getElementById("count-now");
  const heard = document.getElementById("count-said");
  let drawn = null;
  let counting = false;
  let drawnTimer = 0;
  let heardTimer = 0;

  const showCount = (words) => {
    counted.textContent = words;
    clearTimeout(heardTimer);
    heardTimer = setTimeout(() => { heard.textContent = words; }, AFTER_MS);
  };

  const PASTED = ["geojson", "postcodes"];
  const count = async () => {
    if (counting || !drawn) return;
    counting = true;
    const ring = drawn;
    const asked = values();
    asked.set("do", "count");
    if (Array.isArray(ring)) {
      asked.set("area", JSON.stringify(ring.map((corner) => corner.map((degrees) => Number(degrees.toFixed(5))))));
    } else {
      for (const name of PASTED) asked.set(name, ring[name]);
    }
    try {
      const answer = await fetch(form.hasAttribute("action") ? form.action : location.href, {
        method: "POST", body: asked, redirect: "manual", headers: { Accept: "application/json" },
      });
      const words = answer.ok ? (await answer.json()).words : UNCOUNTED;
      if (drawn === ring) showCount(words); // an earlier area's number never stands beside this one
    } catch {
      if (drawn === ring) showCount(UNCOUNTED);
    } finally {
      counting = false;
      if (drawn && drawn !== ring) count();
    }
  };

  form.addEventListener("drawing", ({ detail: corners }) => {
    const places = new Set(corners.map(String));
    drawn = places.size > 2 ? corners : null;
    clearTimeout(drawnTimer);
    if (drawn) drawnTimer = setTimeout(count, DRAWN_MS);
    else showCount("");
  });

  // A pasted outline or list is counted as it stands; it is saved once it is added.
  const countPasted = () => {
    const pasted = Object.fromEntries(PASTED.map((name) => [name, form.elements[name].value]));
    drawn = Object.values(pasted).some((text) => text.trim()) ? pasted : null;
    clearTimeout(drawnTimer);
    if (drawn) drawnTimer = setTimeout(count, AFTER_MS);
    else showCount("");
  };

  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(save, AFTER_MS);
  };

  form.addEventListener("input", ({ target }) => {
    if (PASTED.includes(target.name)) countPasted();
    if (counterOf(target)) {
      countLetters(target);
      sayLetters();
    }
    if (target.matches("textarea, input:not([type=checkbox], [type=radio], [type=hidden])") && target.value.trim()) began = true;
    if (isBlank(target.name)) return;
    if (!["near", "radius", "reaches", "geojson", "postcodes", "comment", "about"].includes(target.name)) later();
  });
  form.addEventListener("change", ({ target }) => {
    if (!target.value || !(target.name === "area" || (target.name === "near" && /^-?\d+\.\d+, -?\d+\.\d+$/.test(target.value)))) return;
    marked = true;
    drawn = null; // what was drawn is saved now, and counted beside the form
    showCount("");
    clearTimeout(timer);
    save();
  });
  form.addEventListener("submit", () => clearTimeout(timer));
})();
