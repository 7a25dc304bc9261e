// "Choose on the map": a press sets the point of a form, with its distance as a circle; an area can be drawn, too. The
// map's scripts are fetched only after the button was pressed. Everything can be done by keyboard: the arrow keys move
// the map, and buttons take its middle. Without this script the place is typed, as ever.
"use strict";

(() => {
  const box = document.querySelector("[data-pick]");
  if (!box) return;
  const { script, style, draw, adapter, land, tiles, attribution, zoomIn, zoomOut, label, marked, corners, closed, failed } = box.dataset;
  const form = box.closest("form");
  const target = form.querySelector(`[name="${box.dataset.pick}"]`);
  const area = form.querySelector("input[name=area]");
  const part = (name) => box.querySelector(`[data-${name}]`);
  const [open, panel, canvas, status] = [part("open"), part("panel"), part("canvas"), part("status")];
  const say = (words) => { status.textContent = words; };
  const MOST_CORNERS = 40;
  const NEAR = tiles ? 14 : 11; // our own outlines alone show nothing to go by when closer
  let map = null;
  let point = null;
  let circle = null;
  let drawing = null;
  let ring = []; // corners by button
  let pressed = 0; // corners by pointer, which the library holds

  const load = (make) => new Promise((done, broken) => {
    const made = make();
    made.addEventListener("load", done);
    made.addEventListener("error", broken);
    document.head.append(made);
  });
  const scriptOf = (src) => load(() => Object.assign(document.createElement("script"), { src }));
  const radius = () => 1000 * (Number(form.querySelector("input[name=radius]:checked")?.value) || Number(box.dataset.radius));

  const show = (at) => {
    point?.remove();
    circle?.remove();
    circle = null;
    const icon = L.divIcon({ className: "pin-icon here", html: "\u25ce", iconSize: [28, 28] });
    point = L.marker(at, { icon, keyboard: false, interactive: false, alt: "" }).addTo(map);
    if (box.dataset.radius) circle = L.circle(at, { radius: radius(), className: "zone minor", fillOpacity: 1, interactive: false }).addTo(map);
  };

  const take = ({ lat, lng }) => {
    const words = `${lat.toFixed(5)}, ${L.latLng(lat, lng).wrap().lng.toFixed(5)}`;
    target.value = words;
    if (area) area.value = "";
    stopDrawing();
    show([lat, lng]);
    map.setView([lat, lng], Math.max(map.getZoom(), NEAR));
    say(marked.replace("{place}", `\u2066${words}\u2069`)); // in its own direction, whatever the page's
    target.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const fromTyped = () => {
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*$/.exec(box.dataset.at || target.value);
    return found ? [Number(found[1]), Number(found[2])] : null;
  };

  const start = async () => {
    if (!window.L) {
      await Promise.all([load(() => Object.assign(document.createElement("link"), { rel: "stylesheet", href: style })), scriptOf(script)]);
    }
    const answer = await fetch(land);
    const outlines = answer.ok ? await answer.json() : { type: "FeatureCollection", features: [] };
    panel.hidden = false;
    canvas.setAttribute("role", "region");
    canvas.setAttribute("aria-label", label);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    map = L.map(canvas, {
      zoomControl: false, attributionControl: Boolean(tiles), zoomAnimation: !still, fadeAnimation: !still,
      markerZoomAnimation: !still, scrollWheelZoom: false, doubleClickZoom: false, zoomSnap: 0.25,
    });
    const named = (one, layer) => {
      const name = document.createElement("span");
      name.textContent = one.properties.name;
      layer.bindTooltip(name, { permanent: true, direction: "center", pane: "shadowPane", className: "place-name" });
    };
    const places = L.geoJSON(outlines, {
      interactive: false, style: () => ({ className: tiles ? "outline" : "land", fillOpacity: 1 }), onEachFeature: named,
    });
    map.on("zoomend", () => canvas.classList.toggle("near", map.getZoom() >= 10.5));
    const at = fromTyped();
    const bounds = places.getBounds();
    if (at) map.setView(at, NEAR);
    else if (bounds.isValid()) map.fitBounds(bounds, { animate: false });
    else map.setView([20, 0], 2);
    if (tiles) {
      map.attributionControl.setPrefix(false);
      L.tileLayer(tiles, { attribution: new Option(attribution).innerHTML, maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
    }
    places.addTo(map);
    L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
    if (at) show(at);
    if (area?.value) showRing(JSON.parse(area.value));
    map.on("click", ({ latlng }) => {
      if (!drawing) take(latlng);
      else say(corners.replace("{count}", ++pressed));
    });
    canvas.focus();
  };

  // --- an area

  // Corners so far, for a page that counts while they are drawn.
  const tell = (found) => area.dispatchEvent(new CustomEvent("drawing", { bubbles: true, detail: found }));

  const close = (found) => [...found, found[0]];
  const polygon = (found) => ({ type: "Feature", geometry: { type: "Polygon", coordinates: [close(found)] }, properties: { mode: "polygon" } });

  let outline = null;
  const showRing = (found) => {
    outline?.remove();
    outline = L.geoJSON(polygon(found), { interactive: false, style: () => ({ className: "zone minor", fillOpacity: 1 }) }).addTo(map);
    if (!map.getBounds().contains(outline.getBounds())) map.fitBounds(outline.getBounds().pad(0.2), { animate: false });
  };

  const finish = (found) => {
    stopDrawing();
    point?.remove();
    circle?.remove();
    target.value = "";
    area.value = JSON.stringify(found.map((corner) => corner.map((degrees) => Number(degrees.toFixed(5)))));
    showRing(found);
    say(closed.replace("{count}", found.length));
    area.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const buttons = (isDrawing) => {
    for (const name of ["corner", "back", "done"]) part(name).hidden = !isDrawing;
    for (const name of ["middle", "area"]) part(name).hidden = isDrawing;
  };

  function stopDrawing() {
    outline?.remove();
    outline = null;
    ring = [];
    pressed = 0;
    if (!drawing) return;
    drawing.stop();
    drawing = null;
    buttons(false);
  }

  const begin = async () => {
    if (!window.terraDraw) {
      await scriptOf(draw);
      await scriptOf(adapter); // needs the library
    }
    stopDrawing();
    const made = new terraDrawLeafletAdapter.TerraDrawLeafletAdapter({ lib: L, map, coordinatePrecision: 6 });
    made.createPaneStyleSheet = (pane, zIndex) => { // its own way is a style element, which the policy forbids
      (map.getPane(pane) || map.createPane(pane)).style.zIndex = zIndex + 600;
      return { remove() {} };
    };
    const undoRedo = { modeLevel: new terraDraw.TerraDrawModeUndoRedo() };
    drawing = new terraDraw.TerraDraw({ adapter: made, modes: [new terraDraw.TerraDrawPolygonMode()], undoRedo });
    drawing.start();
    drawing.setMode("polygon");
    drawing.on("change", () => {
      const drawn = drawing?.getSnapshot().find(({ geometry, properties }) => geometry.type === "Polygon" && properties.mode === "polygon");
      if (drawn) tell(drawn.geometry.coordinates[0].slice(0, -1));
    });
    drawing.on("finish", (id) => {
      const found = drawing.getSnapshotFeature(id).geometry.coordinates[0].slice(0, -1);
      setTimeout(() => finish(found.slice(0, MOST_CORNERS))); // once the library has done its part
    });
    buttons(true);
    say(corners.replace("{count}", 0));
    canvas.focus();
  };

  // By keyboard, or by taps on the button: corners in the middle of the map.
  const corner = () => {
    const { lat, lng } = map.getCenter();
    if (ring.length < MOST_CORNERS) ring.push([lng, lat]);
    drawRing();
  };

  const back = () => {
    if (ring.length || !pressed) {
      ring.pop();
      drawRing();
    } else if (drawing.canUndo()) {
      drawing.undo();
      say(corners.replace("{count}", --pressed));
    }
  };

  const done = () => {
    if (ring.length > 2) finish(ring);
    else if (pressed > 2) canvas.dispatchEvent(new KeyboardEvent("keyup", { key: "Enter" })); // the library's own end
  };

  const drawRing = () => {
    outline?.remove();
    const shape = ring.length > 2 ? L.polygon : L.polyline;
    outline = shape(ring.map(([lng, lat]) => [lat, lng]), { className: "zone minor", fillOpacity: 1, interactive: false }).addTo(map);
    say(corners.replace("{count}", ring.length));
    tell(ring);
  };

  const guarded = (act) => async () => {
    try {
      await act();
    } catch {
      say(failed);
    }
  };

  box.hidden = false;
  const openers = [open, part("draw-now")].filter(Boolean);
  const opening = (drawn) => guarded(async () => {
    for (const button of openers) button.disabled = true;
    try {
      await start();
      for (const button of openers) button.hidden = true;
      if (drawn) await begin();
    } finally {
      for (const button of openers) button.disabled = false;
    }
  });
  open.addEventListener("click", opening(false));
  part("draw-now")?.addEventListener("click", opening(true));
  part("middle").addEventListener("click", () => take(map.getCenter()));
  part("area")?.addEventListener("click", guarded(begin));
  part("corner")?.addEventListener("click", corner);
  part("back")?.addEventListener("click", back);
  part("done")?.addEventListener("click", done);
  form.addEventListener("change", ({ target: changed }) => { if (changed.name === "radius") circle?.setRadius(radius()); });
  form.addEventListener("input", ({ target: changed }) => { if (changed === target && area) area.value = ""; });
})();
