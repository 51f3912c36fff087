/* Frames of the capture: where they were taken, in space; which of them saw a point, as a time line. */
var strip = document.getElementById("strip");

function drawFrames() {
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

/* How far a frame reads near where a point is in its picture: least and most of four readings; null
   outside of the picture and without a reading. */
function readings(shot, point) {
  var m = shot.pose, q = [0, 1, 2].map(function (k) { return point[k] - m[k][3]; });
  var c = [0, 1, 2].map(function (k) { return m[0][k] * q[0] + m[1][k] * q[1] + m[2][k] * q[2]; });
  if (c[2] < 0.05) return null;
  var w = shot.size[0], h = shot.size[1];
  var u = (c[0] / c[2] * shot.camera[0] + shot.camera[2]) * w, v = (c[1] / c[2] * shot.camera[1] + shot.camera[3]) * h;
  if (u < 0 || v < 0 || u >= w || v >= h) return null;
  var least = 1e9, most = 0, left = Math.max(0, Math.min(w - 2, Math.floor(u - 0.5))), top = Math.max(0, Math.min(h - 2, Math.floor(v - 0.5)));
  for (var k = 0; k < 4; k++) {
    var value = shot.depth[(top + (k >> 1)) * w + left + (k & 1)] * record.step_m;
    if (!value) continue;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return most ? { least: least, most: most, depth: c[2] } : null;
}
function saw(shot, point) {
  var found = shot.depth && readings(shot, point);
  return !!found && found.depth >= found.least - record.near_m && found.depth <= found.most + record.near_m;
}

/* The frames in their order; those that saw the point with their pictures. */
function showFrames(point) {
  strip.hidden = !point || !record.shots.length;
  if (strip.hidden) return;
  var list = strip.querySelector("ol"), seen = 0, known = 0;
  list.textContent = "";
  record.shots.forEach(function (shot) {
    var item = document.createElement("li");
    list.appendChild(item);
    known += !!shot.depth;
    if (!saw(shot, point)) return;
    seen += 1;
    var button = document.createElement("button"), image = new Image(), text = document.createElement("span");
    button.type = "button";
    button.setAttribute("aria-label", "Frame " + shot.label + ": stand where it was taken");
    image.src = shot.image;
    image.alt = "";
    text.textContent = shot.label;
    button.append(image, text);
    button.addEventListener("click", function () { standAt(shot, point); });
    item.appendChild(button);
  });
  strip.querySelector("p").textContent = known ? seen + " of the " + known + " frames in this file saw this point" :
    "The frames in this file have no depth: which of them saw this point is not known";
}
function standAt(shot, point) {
  var d = plus(shot.eye, point, -1), flat = Math.hypot(d[0], d[1]);
  var yaw = Math.atan2(d[1], d[0]), turns = Math.round((look.yaw - yaw) / 2 / Math.PI);
  fly({ target: point, yaw: yaw + turns * 2 * Math.PI, pitch: Math.max(-STEEPEST, Math.min(STEEPEST, Math.atan2(d[2], flat))), away: Math.hypot(flat, d[2]) }, moved);
}
