/* Find a class by its name: the rest of the room fades, and the picture goes there. */
var find = document.getElementById("find"), told = document.getElementById("told");

function classesCalled(text) {
  var all = Object.keys(record.names), low = text.toLowerCase();
  var ways = [function (n) { return n === low; }, function (n) { return n.indexOf(low) === 0; }, function (n) { return n.indexOf(low) > 0; }];
  for (var i = 0; i < ways.length; i++) {
    var found = all.filter(function (label) { return ways[i](record.names[label].toLowerCase()); });
    if (found.length) return found.map(Number);
  }
  return [];
}
/* Corners of the box around all triangles of some classes; null where there are none. */
function boxOf(layer, labels) {
  var surface = record.surfaces[layer.surface], low = [1e9, 1e9, 1e9], high = [-1e9, -1e9, -1e9], any = false;
  for (var f = 0; f < (state.shell ? layer.labels.length : surface.inner); f++) {
    if (labels.indexOf(layer.labels[f]) < 0) continue;
    any = true;
    for (var c = 0; c < 3; c++) for (var k = 0; k < 3; k++) {
      var value = surface.points[3 * surface.faces[3 * f + c] + k];
      low[k] = Math.min(low[k], value);
      high[k] = Math.max(high[k], value);
    }
  }
  if (!any) return null;
  return { middle: plus(low, plus(high, low, -1), 0.5), corners: [0, 1, 2, 3, 4, 5, 6, 7].map(function (i) {
    return [i & 1 ? high[0] : low[0], i & 2 ? high[1] : low[1], i & 4 ? high[2] : low[2]];
  }) };
}
function titlesWith(holds) {
  return record.layers.filter(holds).map(function (layer) { return layer.title; }).join(", ");
}
/* Mark what is looked for; gives what there is to say of it. */
function marked(text, travel) {
  var layer = record.layers[state.layer], labels = text ? classesCalled(text) : [];
  picture.light(null);
  if (!text) return "";
  if (!layer.labels) {
    var others = titlesWith(function (one) { return one.key === "classes"; });
    return "This layer carries no classes." + (others ? " These do: " + others + "." : " No layer does.");
  }
  if (!labels.length) return "No class here is called \u201c" + text + "\u201d.";
  var called = labels.map(function (label) { return record.names[label]; }).join(", "), box = boxOf(layer, labels);
  if (!box) {
    var where = titlesWith(function (one) { return one.key === "classes" && labels.some(function (label) { return one.shares[label]; }); });
    return "No " + called + " in this layer" + (where ? "; it is in: " + where + "." : ".");
  }
  labels.forEach(function (label) {
    var row = panel.querySelector("[data-label=\"" + label + "\"]");
    row.checked = true;
    picture.show(label, true);
  });
  picture.light(labels);
  if (travel) fly({ target: box.middle, yaw: look.yaw, pitch: look.pitch, away: Math.max(0.8, distanceTo(box.corners, box.middle, size().aspect)) }, moved);
  var objects = record.objects.filter(function (one) { return labels.some(function (label) { return record.names[label] === one.name; }); });
  return labels.map(function (label) { return record.names[label] + ": " + (layer.shares[label] || "nothing") + " of this layer"; }).join("; ") +
    (objects.length ? "; " + (objects.length > 1 ? "objects " : "object ") + objects.map(function (one) { return one.number; }).join(", ") : "") + ".";
}
function seek(travel) {
  if (!find) return;
  told.textContent = marked(find.value.trim(), travel);
  redraw();
}
if (find) {
  find.addEventListener("input", function () { seek(true); });
  find.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { find.value = ""; seek(false); canvas.focus(); event.stopPropagation(); }
  });
}
