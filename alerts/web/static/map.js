// Makes the drawn map a live one: to be moved and zoomed, with our own outlines, and with the tiles of a third party only
// if the service is configured to. Leaflet is fetched when the map comes into view. Whatever fails, the drawing stays.
"use strict";

const live = () => {
  const box = document.querySelector(".map[data-zones]");
  if (!box || !("IntersectionObserver" in window) || navigator.connection?.saveData) return;
  const { zones, land, script, style, tiles, attribution, zoomIn, zoomOut } = box.dataset;
  const TONES = { Extreme: "extreme", Severe: "severe", Moderate: "moderate", Minor: "minor", Unknown: "moderate" };

  const load = (make) => new Promise((done, failed) => {
    const part = make();
    part.addEventListener("load", done);
    part.addEventListener("error", failed);
    document.head.append(part);
  });

  const leaflet = () => window.L || Promise.all([
    load(() => Object.assign(document.createElement("link"), { rel: "stylesheet", href: style })),
    load(() => Object.assign(document.createElement("script"), { src: script })),
  ]);

  const asked = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(url);
    return answer.json();
  };

  // A feed of alerts, or the thread of one notice, of which the latest area counts.
  const features = (found) => {
    if (found.features) return found.features.filter((one) => one.geometry);
    const subject = found.notices.find((one) => one.geometry) || null;
    return subject ? [{ type: "Feature", geometry: subject.geometry, properties: { severity: subject.severity, kind: subject.kind } }] : [];
  };

  const tone = ({ severity, kind }) => (kind === "alert" ? TONES[severity] || "moderate" : "minor");

  const popup = (one, layer) => {
    if (!one.properties.title) return;
    const link = document.createElement("a");
    link.href = one.properties.url;
    link.textContent = one.properties.title;
    layer.bindPopup(link);
  };

  // A shape beside the colour: a dot is open, a cross closes, a ring is the reader's place.
  const SHAPES = { open: "\u25cf", change: "\u2715", here: "\u25ce" };

  const marker = (pin, count) => {
    const kind = Object.keys(SHAPES).find((one) => pin.classList.contains(one)) || "open";
    const icon = L.divIcon({ className: `pin-icon ${kind}`, html: SHAPES[kind], iconSize: [28, 28] });
    const made = L.marker(pin.dataset.at.split(",").map(Number), { icon, alt: pin.dataset.label, riseOnHover: true });
    const words = document.createElement("span");
    words.textContent = pin.dataset.label;
    return made.bindTooltip(words, { permanent: count <= 8, direction: "right", offset: [12, 0], className: "pin-label" });
  };

  const show = async () => {
    const svg = box.querySelector("svg");
    const [places, found] = await Promise.all([asked(land), asked(zones), leaflet()]);
    const frame = document.createElement("div");
    frame.className = "live-map";
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", svg.getAttribute("aria-label"));
    svg.before(frame);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const map = L.map(frame, {
      zoomControl: false, attributionControl: Boolean(tiles), zoomAnimation: !still, fadeAnimation: !still,
      markerZoomAnimation: !still, scrollWheelZoom: false, zoomSnap: 0.25,
    });
    const landLayer = L.geoJSON(places, { interactive: false, style: () => ({ className: tiles ? "outline" : "land", fillOpacity: 1 }) });
    const areas = L.geoJSON({ type: "FeatureCollection", features: features(found) }, {
      style: (one) => ({ className: `zone ${tone(one.properties)}`, fillOpacity: 1 }),
      onEachFeature: popup,
    });
    const pins = [...box.querySelectorAll("svg [data-at]")];
    const markers = pins.map((pin) => marker(pin, pins.length));
    const bounds = areas.getLayers().length ? areas.getBounds() : L.latLngBounds([]);
    markers.forEach((one) => bounds.extend(one.getLatLng()));
    const whole = bounds.isValid() ? bounds : landLayer.getBounds();
    if (!whole.isValid()) throw new Error("nothing to show");
    map.fitBounds(whole.pad(areas.getLayers().length ? 0.35 : 0.1), { maxZoom: 15, animate: false });
    L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
    if (tiles) {
      map.attributionControl.setPrefix(false);
      L.tileLayer(tiles, { attribution: new Option(attribution).innerHTML, maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
    }
    for (const layer of [landLayer, areas, ...markers]) layer.addTo(map);
    svg.classList.add("sr");
    svg.setAttribute("aria-hidden", "true");
  };

  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    show().catch(() => box.querySelector(".live-map")?.remove());
  });
  watch.observe(box);
};

live();
document.addEventListener("renewed", live); // the page has put new content in place
