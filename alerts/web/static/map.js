// Makes the drawn map a live one: to be moved and zoomed, with our own outlines, and with the tiles of a third party only
// if the service is configured to. Leaflet is fetched when the map comes into view. Whatever fails, the drawing stays.
"use strict";

(() => {
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

  const leaflet = () => Promise.all([
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
    L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
    if (tiles) {
      map.attributionControl.setPrefix(false);
      L.tileLayer(tiles, { attribution: new Option(attribution).innerHTML, maxZoom: 19, referrerPolicy: "origin" }).addTo(map);
    }
    const landLayer = L.geoJSON(places, { interactive: false, style: () => ({ className: tiles ? "outline" : "land" }) }).addTo(map);
    const areas = L.geoJSON({ type: "FeatureCollection", features: features(found) }, {
      style: (one) => ({ className: `zone ${tone(one.properties)}` }),
      onEachFeature: (one, layer) => {
        if (!one.properties.title) return;
        const link = document.createElement("a");
        link.href = one.properties.url;
        link.textContent = one.properties.title;
        layer.bindPopup(link);
      },
    }).addTo(map);
    const bounds = areas.getLayers().length ? areas.getBounds() : L.latLngBounds([]);
    for (const pin of box.querySelectorAll("svg [data-at]")) {
      const at = pin.dataset.at.split(",").map(Number);
      const marker = L.circleMarker(at, { radius: 8, className: pin.getAttribute("class") }).addTo(map);
      const label = pin.dataset.label;
      if (label) {
        const words = document.createElement("span");
        words.textContent = label;
        marker.bindTooltip(words, { permanent: box.querySelectorAll("svg [data-at]").length <= 8, direction: "right", className: "pin-label" });
      }
      bounds.extend(at);
    }
    const whole = bounds.isValid() ? bounds : landLayer.getBounds();
    if (!whole.isValid()) throw new Error("nothing to show");
    map.fitBounds(whole.pad(0.35), { maxZoom: 15, animate: false });
    svg.classList.add("sr");
    svg.setAttribute("aria-hidden", "true");
  };

  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((one) => one.isIntersecting)) return;
    watch.disconnect();
    show().catch(() => box.querySelector(".live-map")?.remove());
  });
  watch.observe(box);
})();
