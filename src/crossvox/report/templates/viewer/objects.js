/* Objects: their boxes, their names over the picture, the list of them. */
var names = document.getElementById("names"), chosen = 0, hovered = 0, tags = {};

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

/* Names stand above their boxes, the nearest first; what would cover another one is left out. Of two layers
   the first one has them. */
function nameBoxes() {
  var width = size().width, height = size().height, taken = [];
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

function choose(number, travel) {
  chosen = number;
  panel.querySelectorAll("[data-object]").forEach(function (row) {
    row.setAttribute("aria-pressed", String(+row.dataset.object === number));
  });
  var one = objectOf(number);
  boxLines();
  if (one && travel) {
    var far = Math.hypot(one.size[0], one.size[1], one.size[2]);
    fly({ target: one.center, yaw: look.yaw, pitch: Math.max(0.45, look.pitch), away: Math.max(1.1, far * 2.4) }, moved);
  }
  redraw();
}

function hover(number) {
  if (number === hovered) return;
  hovered = number;
  boxLines();
  redraw();
}
record.objects.forEach(function (one) {
  var tag = tags[one.number] = document.createElement("span");
  tag.textContent = one.number + " " + one.name;
  names.appendChild(tag);
  tag.dataset.width = tag.offsetWidth;
  tag.hidden = true;
});
panel.querySelectorAll("[data-object]").forEach(function (row) {
  ["pointerenter", "focus"].forEach(function (name) { row.addEventListener(name, function () { hover(+row.dataset.object); }); });
  ["pointerleave", "blur"].forEach(function (name) { row.addEventListener(name, function () { hover(0); }); });
});
