/* The panel, its tools and keys; when what is drawn. */
var panel = document.getElementById("panel"), canvas = document.getElementById("room"), said = document.getElementById("said");
var rough = document.getElementById("rough"), help = document.getElementById("help"), beside = document.getElementById("beside");
var state = { layer: 0, beside: null, shell: false, camera: false, boxes: false, paper: [255, 255, 255] };
var picture = null, waiting = false, moving = false, rest = 0, step = 0, resting = 0;
var COLORS = { plain: [0.09, 0.1, 0.12, 1], chosen: [0.84, 0, 0.24, 1], path: [0.85, 0.31, 0.03, 1] };
/* A picture takes no longer than this while the room moves, and when it rests, if a coarser one helps. */
var SLOW_MS = 40, REST_MS = 800;

/* Where each layer is drawn: one takes all; two stand beside or above each other. */
function panes() {
  var w = canvas.clientWidth, h = canvas.clientHeight;
  if (state.beside === null) return [{ layer: state.layer, x: 0, y: 0, width: w, height: h }];
  var across = w >= h, half = [across ? w / 2 : w, across ? h : h / 2];
  return [{ layer: state.layer, x: 0, y: 0, width: half[0], height: half[1] },
    { layer: state.beside, x: w - half[0], y: h - half[1], width: half[0], height: half[1] }];
}
function size() {
  var pane = panes()[0];
  return { width: pane.width, height: pane.height, aspect: pane.width / pane.height };
}
function paneAt(x, y) {
  return panes().filter(function (p) { return x >= p.x && y >= p.y; }).pop() || panes()[0];
}

function redraw() {
  if (waiting || !picture) return;
  waiting = true;
  requestAnimationFrame(function () { waiting = false; drawNow(); });
}
/* Draw something that moves: as coarse as it must be to follow; finer as soon as it rests. */
function moved() {
  moving = true;
  clearTimeout(rest);
  rest = setTimeout(function () { moving = false; redraw(); }, 250);
  redraw();
}
function surfaceOf(pane) { return record.surfaces[record.layers[pane.layer].surface]; }
function coarsestShown() { return Math.max.apply(null, panes().map(function (pane) { return coarsest(surfaceOf(pane)); })); }
/* The finest picture that should be made in time, after one took `ms`: each step is a quarter of the
   triangles, smooth edges cost three times as much. */
function inTime(used, ms, limit) {
  var most = coarsestShown();
  for (var n = 0; n < most; n++) if (ms / (used ? 1 : 3) * (n ? 1 : 3) * Math.pow(4, Math.max(used, 1) - Math.max(n, 1)) <= limit) return n;
  return most;
}
/* What is shown anew: a large surface is tried by a sixteenth of it first. */
function tried() {
  step = resting = coarsestShown() > 4 ? 3 : 0;
}
function drawNow() {
  var shown = panes(), used = moving ? step : resting, found = picture.draw(state, shown, used), whole = 0;
  shown.forEach(function (pane) { whole += state.shell ? surfaceOf(pane).faces.length / 3 : surfaceOf(pane).inner; });
  step = inTime(used, found.ms, SLOW_MS);
  if (!moving) {
    resting = inTime(used, found.ms, REST_MS);
    if (resting < used) redraw();
    else setTimeout(function () { picture.ready(panes(), step); });
  }
  rough.hidden = found.triangles >= whole;
  rough.textContent = (moving ? "Thinned while it moves: " : "Thinned: ") + found.triangles.toLocaleString("en") +
    " of " + whole.toLocaleString("en") + " triangles";
  nameBoxes();
  lengthTag();
}
function say(text) { said.textContent = text; said.hidden = !text; }

function papered() {
  state.paper = getComputedStyle(canvas).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number);
  COLORS.plain = getComputedStyle(canvas).color.match(/[\d.]+/g).slice(0, 3).map(share).concat(1);
  boxLines();
  redraw();
}
/* Dark or light, where the system's choice is not wanted. */
function isDark() {
  var chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function themed(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  papered();
}

function setLayer(number) {
  state.layer = number;
  tried();
  panel.querySelectorAll("[data-layer]").forEach(function (key) { key.hidden = +key.dataset.layer !== number; });
  var shares = record.layers[number].shares, legend = document.getElementById("classes");
  if (legend) {
    var none = panes().every(function (pane) { return !record.layers[pane.layer].labels; });
    legend.disabled = none;
    legend.querySelector(".why").hidden = !none;
    legend.querySelectorAll("[data-class]").forEach(function (row) {
      var share = shares[row.dataset.class];
      row.querySelector("em").textContent = share || (record.layers[number].labels ? "not here" : "");
      row.classList.toggle("no", !share);
    });
  }
  titles();
  seek(false);
  redraw();
}
/* Which layer is which, where there are two. */
function titles() {
  document.querySelectorAll(".title").forEach(function (title, i) {
    var pane = panes()[i];
    title.hidden = state.beside === null;
    if (title.hidden) return;
    title.textContent = record.layers[pane.layer].title;
    title.style.left = pane.x + 8 + "px";
    title.style.top = pane.y + 8 + "px";
    title.style.maxWidth = pane.width - 16 + "px";
  });
}

var tools = {
  reset: function () {
    choose(0);
    reset(size().aspect);
    redraw();
  },
  above: function () {
    above(size().aspect);
    redraw();
  },
  measure: function () { measure(!measuring); },
  theme: function () { themed(!isDark()); },
  help: function () { help.showModal(); },
  find: function () { if (find) find.focus(); },
  middle: function () { clickedMiddle(); },
  none: function () {
    measure(false);
    tell(null, null);
    if (find && find.value) { find.value = ""; seek(false); }
  },
  save: function () {
    picture.draw(state, panes(), 0);
    canvas.toBlob(function (data) {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(data);
      link.download = document.title + ".png";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    });
  }
};
var KEYS = { "?": "help", m: "measure", f: "find", "/": "find", s: "save", a: "above", d: "theme", Escape: "none" };

function wired() {
  panel.addEventListener("change", function (event) {
    var box = event.target;
    if (box.name === "layer") setLayer(+box.value);
    else if (box === beside) {
      state.beside = box.value === "" ? null : +box.value;
      if (!touched) reset(size().aspect);
      setLayer(state.layer);
    } else if (box.dataset.show) { state[box.dataset.show] = box.checked; redraw(); }
    else if (box.dataset.label) { picture.show(+box.dataset.label, box.checked); redraw(); }
  });
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    if ("all" in button.dataset) {
      panel.querySelectorAll("[data-label]").forEach(function (box) {
        box.checked = !!button.dataset.all;
        picture.show(+box.dataset.label, box.checked);
      });
      redraw();
    } else if (button.dataset.object) choose(+button.dataset.object === chosen ? 0 : +button.dataset.object, true);
    else if (button.dataset.do) tools[button.dataset.do]();
  });
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    var name = event.key === "Enter" && event.target === canvas ? "middle" : KEYS[event.key];
    if (!name) return;
    event.preventDefault();
    tools[name]();
  });
  new ResizeObserver(function () {
    if (!touched) reset(size().aspect);
    titles();
    redraw();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", papered);
}

function failed(error) {
  document.getElementById("stuck").hidden = false;
  document.getElementById("stuck").textContent += error && error.message ? " (" + error.message + ")" : "";
}
