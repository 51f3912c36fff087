/* The panel, names over the picture, what lies under the pointer. */
var panel = document.getElementById("panel"), canvas = document.getElementById("room"), tip = document.getElementById("tip");
var names = document.getElementById("names"), state = { layer: 0, shell: false, camera: false, boxes: false, paper: [255, 255, 255] };
var picture = null, waiting = false, chosen = 0, hovered = 0, tags = {};
var COLORS = { plain: [0.09, 0.1, 0.12, 1], chosen: [0.84, 0, 0.24, 1], path: [0.85, 0.31, 0.03, 1] };

function redraw() {
  if (waiting || !picture) return;
  waiting = true;
  requestAnimationFrame(function () { waiting = false; picture.draw(state); nameBoxes(); });
}
function papered() {
  state.paper = getComputedStyle(canvas).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number);
  var ink = getComputedStyle(canvas).color.match(/[\d.]+/g).slice(0, 3).map(function (x) { return x / 255; });
  COLORS.plain = ink.concat(1);
  boxLines();
  redraw();
}

var EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7]];
function edges(one, color) { return EDGES.map(function (edge) { return [one.corners[edge[0]], one.corners[edge[1]], color]; }); }
function boxLines() {
  if (!picture) return;
  var all = [];
  var marked = objectOf(hovered) || objectOf(chosen);
  record.objects.forEach(function (one) { if (one !== marked) all = all.concat(edges(one, COLORS.plain)); });
  picture.lines("boxes", all);
  picture.lines("chosen", marked ? edges(marked, COLORS.chosen) : []);
}
function objectOf(number) { return record.objects.filter(function (one) { return one.number === number; })[0]; }

/* Names stand above their boxes, the nearest first; what would cover another one is left out. */
function nameBoxes() {
  var width = canvas.clientWidth, height = canvas.clientHeight, taken = [];
  var seen = record.objects.map(function (one) {
    return { one: one, at: placed([one.center[0], one.center[1], one.top], width, height) };
  }).filter(function (x) { return x.at; }).sort(function (a, b) { return a.at.depth - b.at.depth; });
  var first = hovered || chosen;
  seen.sort(function (a, b) { return (b.one.number === first) - (a.one.number === first); });
  record.objects.forEach(function (one) { tags[one.number].hidden = true; });
  seen.forEach(function (x) {
    var tag = tags[x.one.number], marked = x.one.number === first, half = tag.dataset.width / 2 + 2;
    if (!state.boxes && !marked) return;
    var box = [x.at.x - half, x.at.y - 22, x.at.x + half, x.at.y];
    if (box[0] < 0 || box[2] > width || box[1] < 0 || box[3] > height) return;
    if (taken.some(function (t) { return t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3]; })) return;
    taken.push(box);
    tag.hidden = false;
    tag.classList.toggle("on", marked);
    tag.style.transform = "translate(" + Math.round(x.at.x) + "px," + Math.round(x.at.y) + "px) translate(-50%,-105%)";
  });
}

function setLayer(number) {
  state.layer = number;
  panel.querySelectorAll("[data-layer]").forEach(function (key) { key.hidden = +key.dataset.layer !== number; });
  var shares = record.layers[number].shares;
  panel.querySelectorAll("[data-class]").forEach(function (row) {
    var share = shares[row.dataset.class];
    row.querySelector("em").textContent = share || "not here";
    row.classList.toggle("no", !share);
  });
  redraw();
}

function choose(number, travel) {
  chosen = number;
  panel.querySelectorAll("[data-object]").forEach(function (row) {
    row.setAttribute("aria-pressed", String(+row.dataset.object === number));
  });
  var one = objectOf(number);
  boxLines();
  if (one && travel) {
    var size = Math.hypot(one.size[0], one.size[1], one.size[2]);
    fly({ target: one.center, yaw: look.yaw, pitch: Math.max(0.45, look.pitch), away: Math.max(1.1, size * 2.4) }, redraw);
  }
  redraw();
}

/* What is under a place of the picture, in words. */
function under(x, y) {
  var layer = record.layers[state.layer], surface = record.surfaces[layer.surface];
  var ray = rayAt(x, y, canvas.clientWidth, canvas.clientHeight), labels = layer.labels;
  var found = hit(surface, state.shell ? surface.faces.length / 3 : surface.inner, ray.origin, ray.ray,
    state.shell ? 1e9 : record.top + 0.02, labels && function (f) { return !picture.isShown(labels[f]); });
  if (!found) return null;
  var place = plus(ray.origin, ray.ray, found.far), lines = [], number = 0;
  if (labels) lines.push(record.names[labels[found.face]] || "no label");
  if (surface.confidence && labels === surface.labels) lines.push("confidence " + Math.floor(surface.confidence[found.vertex] / 255 * 1000) / 10 + "%");
  if (surface.objects && (number = surface.objects[found.face])) {
    var one = objectOf(number);
    lines.push("object " + number + (one ? ", " + one.name : ""));
  }
  lines.push(place.map(function (v) { return v.toFixed(2); }).join(", ") + " m");
  return { lines: lines, object: number };
}
function point(event) {
  var box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  var found = event.buttons ? null : under(x, y), number = found ? found.object : 0;
  tip.hidden = !found;
  if (found) {
    tip.textContent = found.lines.join("\n");
    tip.style.left = Math.min(x + 14, canvas.clientWidth - 190) + "px";
    tip.style.top = Math.min(y + 14, canvas.clientHeight - 80) + "px";
  }
  if (number !== hovered) { hovered = number; boxLines(); redraw(); }
}

function frames() {
  if (record.path.length > 1) picture.lines("path", record.path.slice(1).map(function (p, i) { return [record.path[i], p, COLORS.path]; }));
  if (!record.shots.length) return;
  var atlas = document.createElement("canvas"), columns = 8, first = new Image();
  var images = record.shots.map(function (shot) { var image = shot === record.shots[0] ? first : new Image(); image.src = shot.image; return image; });
  Promise.all(images.map(function (image) { return image.decode(); })).then(function () {
    var w = first.naturalWidth, h = first.naturalHeight, rows = Math.ceil(images.length / columns), quads = [], lines = [];
    atlas.width = columns * w;
    atlas.height = rows * h;
    var paper = atlas.getContext("2d");
    record.shots.forEach(function (shot, i) {
      var u = i % columns, v = (i / columns) | 0, c = shot.corners;
      paper.drawImage(images[i], u * w, v * h);
      var uv = [[u, v], [u + 1, v], [u + 1, v + 1], [u, v + 1]];
      [0, 1, 2, 0, 2, 3].forEach(function (k) { quads.push(c[k][0], c[k][1], c[k][2], uv[k][0] / columns, uv[k][1] / rows); });
      for (var k = 0; k < 4; k++) lines.push([shot.eye, c[k], COLORS.path], [c[k], c[(k + 1) % 4], COLORS.path]);
    });
    picture.lines("frames", lines);
    picture.photos(quads, atlas);
    redraw();
  });
}

function wired() {
  panel.addEventListener("change", function (event) {
    var box = event.target;
    if (box.name === "layer") setLayer(+box.value);
    else if (box.dataset.show) { state[box.dataset.show] = box.checked; redraw(); }
    else if (box.dataset.label) { picture.show(+box.dataset.label, box.checked); redraw(); }
  });
  panel.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) return;
    if ("all" in button.dataset) {
      panel.querySelectorAll("[data-label]").forEach(function (box) {
        box.checked = !!button.dataset.all;
        picture.show(+box.dataset.label, box.checked);
      });
      redraw();
    } else if (button.dataset.object) choose(+button.dataset.object === chosen ? 0 : +button.dataset.object, true);
    else if (button.dataset.do === "reset") { choose(0); reset(canvas.clientWidth / canvas.clientHeight); redraw(); }
    else if (button.dataset.do === "above") {
      look.pitch = STEEPEST;
      look.target = record.target.slice();
      look.away = distanceTo(record.fit, look.target, canvas.clientWidth / canvas.clientHeight);
      touched = true;
      redraw();
    } else if (button.dataset.do === "save") {
      picture.draw(state);
      canvas.toBlob(function (data) {
        var link = document.createElement("a");
        link.href = URL.createObjectURL(data);
        link.download = document.title + ".png";
        link.click();
        setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
      });
    }
  });
  panel.querySelectorAll("[data-object]").forEach(function (row) {
    ["pointerenter", "focus"].forEach(function (name) { row.addEventListener(name, function () { hovered = +row.dataset.object; boxLines(); redraw(); }); });
    ["pointerleave", "blur"].forEach(function (name) { row.addEventListener(name, function () { hovered = 0; boxLines(); redraw(); }); });
  });
  var late = 0;
  canvas.addEventListener("pointermove", function (event) { cancelAnimationFrame(late); late = requestAnimationFrame(function () { point(event); }); });
  canvas.addEventListener("pointerleave", function () { cancelAnimationFrame(late); tip.hidden = true; if (hovered) { hovered = 0; boxLines(); redraw(); } });
  new ResizeObserver(function () {
    if (!touched) reset(canvas.clientWidth / canvas.clientHeight);
    redraw();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", papered);
}

function failed(error) {
  document.getElementById("stuck").hidden = false;
  document.getElementById("stuck").textContent += error && error.message ? " (" + error.message + ")" : "";
}

record.objects.forEach(function (one) {
  var tag = tags[one.number] = document.createElement("span");
  tag.textContent = one.number + " " + one.name;
  names.appendChild(tag);
  tag.dataset.width = tag.offsetWidth;
  tag.hidden = true;
});
bytesOf(document.getElementById("data")).then(function (buffer) {
  opened(buffer);
  picture = drawing(canvas);
  if (!picture) throw new Error("no WebGL 2");
  reset(canvas.clientWidth / canvas.clientHeight);
  steered(canvas, redraw);
  wired();
  frames();
  papered();
  panel.querySelectorAll("[data-show]").forEach(function (box) { state[box.dataset.show] = box.checked; });
  panel.querySelectorAll("[data-label]").forEach(function (box) { picture.show(+box.dataset.label, box.checked); });
  setLayer(+panel.querySelector("input[name=layer]:checked").value);
  picture.draw(state);
  document.body.dataset.ready = "1";
}).catch(failed);
