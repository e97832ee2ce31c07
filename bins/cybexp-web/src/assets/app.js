// The little that pages cannot do themselves. Every page works without it.
"use strict";

// times in the browser's zone; the time in UTC stays as the title
const zone = new Intl.DateTimeFormat("sv-SE", {dateStyle: "short", timeStyle: "medium"});
const localize = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime()) || at.getTimezoneOffset() === 0) continue;
    time.title = time.textContent;
    time.textContent = zone.format(at);
  }
};
localize(document);

// a key that searches from anywhere; not while something is typed
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.querySelector(`[data-focus="${CSS.escape(event.key)}"]`);
  if (box) { event.preventDefault(); box.focus(); box.select(); }
});

// Enter sends the search box, unless several lines are typed
for (const box of document.querySelectorAll('[data-enter="submit"]')) {
  const fit = () => { box.rows = Math.min(12, box.value.split("\n").length); };
  box.addEventListener("input", fit);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || box.value.includes("\n")) return;
    event.preventDefault();
    box.form.requestSubmit();
  });
}

// files that are dropped on the form
for (const drop of document.querySelectorAll("[data-drop]")) {
  const input = drop.querySelector("input[type=file]");
  const names = drop.querySelector("[data-files]");
  const show = () => { names.textContent = Array.from(input.files, (file) => file.name).join(", ").slice(0, 300); };
  input.addEventListener("change", show);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    input.files = event.dataTransfer.files;
    show();
  });
}

// pan and zoom of pictures: drag, wheel with Ctrl, keys + - 0 and arrows
const move = (picture) => {
  const canvas = picture.closest(".canvas");
  const whole = picture.viewBox.baseVal;
  const home = {x: whole.x, y: whole.y, width: whole.width, height: whole.height};
  let box = {...home};
  const draw = () => picture.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  const zoom = (factor, at) => {
    const width = Math.min(home.width * 2, Math.max(home.width / 20, box.width * factor));
    const scale = width / box.width;
    const center = at ?? {x: box.x + box.width / 2, y: box.y + box.height / 2};
    box = {
      x: center.x - (center.x - box.x) * scale, y: center.y - (center.y - box.y) * scale,
      width, height: box.height * scale,
    };
    draw();
  };
  const place = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    return {x: point.x, y: point.y};
  };
  canvas.classList.add("live");
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, place(event));
  }, {passive: false});
  canvas.addEventListener("keydown", (event) => {
    if (event.target !== canvas) return;
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (event.key === "+" || event.key === "=") zoom(1 / 1.3);
    else if (event.key === "-") zoom(1.3);
    else if (event.key === "0") { box = {...home}; draw(); }
    else if (step) { box.x += step[0] * box.width / 10; box.y += step[1] * box.height / 10; draw(); }
    else return;
    event.preventDefault();
  });
  let from = null;
  let moved = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    from = place(event);
    moved = false;
  });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    const at = place(event);
    if (!moved && Math.hypot(at.x - from.x, at.y - from.y) < box.width / 200) return;
    moved = true;
    box.x += from.x - at.x;
    box.y += from.y - at.y;
    draw();
  });
  window.addEventListener("pointerup", () => { from = null; });
  // the end of a drag is no click
  canvas.addEventListener("click", (event) => { if (moved) { event.preventDefault(); moved = false; } }, true);
  canvas.addEventListener("dragstart", (event) => event.preventDefault());
};
document.querySelectorAll("svg[data-zoom]").forEach(move);

// a value is expanded in the picture without a new page; with Shift, also by a click on its node
document.addEventListener("click", (event) => {
  const node = event.shiftKey && event.target.closest("svg.graph a[data-hash]");
  const link = node || event.target.closest("a[data-graph]");
  const figure = link?.closest("figure");
  if (!figure || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
  event.preventDefault();
  const to = new URL(node ? location.href : link.href);
  if (node) to.searchParams.append("with", node.dataset.hash);
  const request = new XMLHttpRequest();
  request.responseType = "document";
  request.open("GET", to);
  request.addEventListener("load", () => {
    const fresh = request.response?.querySelector("figure.graph");
    if (!fresh) { location.href = to; return; }
    figure.replaceWith(document.adoptNode(fresh));
    history.replaceState(null, "", to);
    fresh.querySelectorAll("svg[data-zoom]").forEach(move);
    fresh.querySelectorAll("a[data-png]").forEach(offerPng);
    fresh.querySelector(".canvas").focus();
  });
  request.addEventListener("error", () => { location.href = to; });
  request.send();
});

// pictures as PNG: the file of the picture, drawn at twice its size
const offerPng = (link) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "PNG";
  link.after(" ", button);
  button.addEventListener("click", () => {
    const picture = new Image();
    picture.addEventListener("load", () => {
      const canvas = document.createElement("canvas");
      const scale = Math.min(2, 8000 / Math.max(picture.width, picture.height));
      canvas.width = picture.width * scale;
      canvas.height = picture.height * scale;
      const paint = canvas.getContext("2d");
      paint.fillStyle = "#fff";
      paint.fillRect(0, 0, canvas.width, canvas.height);
      paint.drawImage(picture, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((png) => {
        const kept = document.createElement("a");
        kept.href = URL.createObjectURL(png);
        kept.download = "cybexp-graph.png";
        kept.click();
        setTimeout(() => URL.revokeObjectURL(kept.href), 60000);
        button.dataset.bytes = png.size;
      }, "image/png");
    });
    picture.addEventListener("error", () => { button.textContent = "PNG: not possible"; });
    picture.src = link.href;
  });
};
document.querySelectorAll("a[data-png]").forEach(offerPng);

// new events, while somebody looks: a hundred at most, and nothing is listened to while the tab is hidden
const harmless = (text) => String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd").slice(0, 120);
const piece = (name, className, ...inside) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...inside);
  return made;
};
const liveRow = (event, families) => {
  const at = piece("time", "", new Date(event.timestamp * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC");
  at.dateTime = new Date(event.timestamp * 1000).toISOString();
  const known = ["malicious", "benign"].includes(event.category) ? event.category : "unknown";
  const row = piece("li", "", piece("span", "at", at),
    piece("span", "", piece("span", `cat c-${known}`, known), " ", piece("strong", "", harmless(event.sub_type))));
  for (const value of (event.values ?? []).slice(0, 5)) {
    const shown = piece("bdi", "", harmless(value.data));
    const link = piece("a", "value", shown);
    link.href = "/value?" + new URLSearchParams({type: value.sub_type, data: value.data});
    row.append(piece("span", "", piece("span", `tag ${families.get(value.sub_type) ?? "f-other"}`, harmless(value.sub_type)), " ", value.cut ? shown : link));
  }
  localize(row);
  return row;
};
for (const list of document.querySelectorAll("[data-live]")) {
  const state = document.querySelector("[data-live-state]");
  const families = new Map((list.dataset.families ?? "").split(";").flatMap((one) => {
    const [family, ...names] = one.split(" ");
    return names.map((name) => [name, family]);
  }));
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const add = (row) => {
    list.prepend(row);
    while (list.children.length > 100) list.lastElementChild.remove();
  };
  let source = null;
  let again = 0;
  let seen = [];
  const close = () => { clearTimeout(again); source?.close(); source = null; };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(list.dataset.live);
    source.addEventListener("open", () => say("Listening: new events appear here as they come."));
    source.addEventListener("news", (message) => {
      const news = JSON.parse(message.data);
      if (news.more) add(piece("li", "note", `and ${Number(news.more)} more of the same batch`));
      if (!news.event || seen.includes(news.event._hash)) return;
      seen = [news.event._hash, ...seen].slice(0, 200);
      add(liveRow(news.event, families));
    });
    source.addEventListener("gap", () => add(piece("li", "note", "Some events before this were not told.")));
    source.addEventListener("error", () => {
      say("Not listening: the API does not tell new events now. Trying again.");
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      again = setTimeout(open, 15000);
    });
  };
  list.hidden = false;
  say("Connecting…");
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) open();
    else if (source) { close(); say("Paused while nobody looks."); }
  });
  window.addEventListener("pagehide", close);
  open();
}
