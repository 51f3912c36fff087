/* What the file holds: numbers out of text, surfaces as corners of triangles, colours of a layer. */
function bytesOf(element) {
  var text = atob(element.textContent.trim()), bytes = new Uint8Array(text.length);
  for (var i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  element.textContent = "";
  var plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

/* The other end of `packed` in view/pack.py: bytes lie by significance, values may be differences. */
function unpacked(buffer, part) {
  var size = part.size, count = part.count, at = new Uint8Array(buffer, part.at, size * count);
  if (size === 1) return at;
  var values = size === 2 ? new Uint16Array(count) : new Uint32Array(count), sum = 0;
  for (var i = 0; i < count; i++) {
    var value = 0;
    for (var k = size - 1; k >= 0; k--) value = value * 256 + at[k * count + i];
    if (part.steps) value = sum = (sum + value) % (size === 2 ? 65536 : 4294967296);
    values[i] = value;
  }
  return values;
}

function opened(buffer) {
  /* Equal arrays are one part, and one array here. */
  var known = {};
  function get(number) {
    if (number === null) return null;
    return known[number] || (known[number] = unpacked(buffer, record.parts[number]));
  }
  var joined = {};
  /* The second and the third corner are told by how far they are from the first one. */
  function faces(numbers) {
    var key = numbers.join(), corners = numbers.map(get), count = corners[0].length, made = joined[key];
    if (made) return made;
    made = new Uint32Array(3 * count);
    for (var f = 0; f < count; f++) for (var k = 0; k < 3; k++) made[3 * f + k] = corners[0][f] + (k && corners[k][f]);
    return (joined[key] = made);
  }
  record.surfaces.forEach(function (surface) {
    var axes = surface.place.map(get), count = axes[0].length;
    surface.faces = faces(surface.faces);
    surface.light = get(surface.light);
    surface.labels = get(surface.labels);
    surface.confidence = get(surface.confidence);
    surface.objects = get(surface.objects);
    surface.axes = axes;
    surface.points = new Float32Array(3 * count);
    for (var i = 0; i < count; i++) for (var k = 0; k < 3; k++)
      surface.points[3 * i + k] = surface.low[k] + axes[k][i] / 65535 * surface.span[k];
  });
  record.shots.forEach(function (shot) { shot.depth = get(shot.depth); });
  record.layers.forEach(function (layer) {
    layer.values = get(layer.values);
    layer.labels = get(layer.labels);
  });
}

/* Place and light of every corner of some triangles. */
function cornersOf(surface, faces) {
  var made = new Uint16Array(4 * faces.length), axes = surface.axes;
  for (var c = 0; c < faces.length; c++) {
    var v = faces[c];
    for (var k = 0; k < 3; k++) made[4 * c + k] = axes[k][v];
    made[4 * c + 3] = surface.light[v] * 257;
  }
  return made;
}

/* Red, green, blue and class of every corner. Codes belong to triangles, colours to their corners.
   `origin`: the surface's triangle that each one was, where they are not all of them. */
function paint(layer, faces, origin) {
  var made = new Uint8Array(4 * faces.length);
  var table = layer.palette, kind = layer.kind, steps = table && table.length - 1;
  for (var c = 0; c < faces.length; c++) {
    var f = (c / 3) | 0, v = faces[c];
    if (origin) f = origin[f];
    var label = layer.labels ? layer.labels[f] : 255;
    for (var k = 0; k < 3; k++) {
      if (kind === "code") made[4 * c + k] = table[layer.values[f]][k];
      else if (kind === "rgb") made[4 * c + k] = layer.values[3 * v + k];
      else {
        var place = layer.values[v] / 255 * steps, low = Math.min(steps - 1, place | 0);
        made[4 * c + k] = table[low][k] + (table[low + 1][k] - table[low][k]) * (place - low);
      }
    }
    made[4 * c + 3] = label;
  }
  return made;
}

/* About `most` triangles of a surface, in their order: vertices of one cell become the first of them. */
function coarser(surface, most) {
  var faces = surface.faces, p = surface.points, count = p.length / 3, area = 0, f, i, k;
  for (f = 0; f < faces.length; f += 3) {
    var a = 3 * faces[f], b = 3 * faces[f + 1], c = 3 * faces[f + 2];
    var ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
    var vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
    var nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
    area += Math.sqrt(nx * nx + ny * ny + nz * nz) / 2;
  }
  var cell = Math.sqrt(2.4 * area / most), n;
  do {
    n = surface.span.map(function (x) { return Math.max(1, Math.ceil(x / cell)); });
    cell *= 1.2;
  } while (n[0] * n[1] * n[2] > 1 << 24);
  var first = new Int32Array(n[0] * n[1] * n[2]).fill(-1), now = new Uint32Array(count), axes = surface.axes;
  for (i = 0; i < count; i++) {
    var at = 0;
    for (k = 0; k < 3; k++) at = at * n[k] + ((axes[k][i] * n[k]) >> 16);
    now[i] = first[at] < 0 ? (first[at] = i) : first[at];
  }
  var kept = new Uint32Array(faces.length), origin = new Uint32Array(faces.length / 3), found = 0, inner = 0;
  for (f = 0; f < origin.length; f++) {
    var x = now[faces[3 * f]], y = now[faces[3 * f + 1]], z = now[faces[3 * f + 2]];
    if (f === surface.inner) inner = found;
    if (x === y || y === z || z === x) continue;
    kept[3 * found] = x;
    kept[3 * found + 1] = y;
    kept[3 * found + 2] = z;
    origin[found++] = f;
  }
  if (surface.inner >= origin.length) inner = found;
  return { faces: kept.slice(0, 3 * found), origin: origin.slice(0, found), inner: inner };
}

/* The first triangle that a ray meets: its number, how far, and which corner is nearest. */
function hit(surface, count, origin, ray, cut, hidden) {
  var best = Infinity, found = null, faces = surface.faces, p = surface.points;
  for (var f = 0; f < count; f++) {
    if (hidden && hidden(f)) continue;
    var a = 3 * faces[3 * f], b = 3 * faces[3 * f + 1], c = 3 * faces[3 * f + 2];
    var ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
    var vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
    var nx = ray[1] * vz - ray[2] * vy, ny = ray[2] * vx - ray[0] * vz, nz = ray[0] * vy - ray[1] * vx;
    var det = ux * nx + uy * ny + uz * nz;
    if (det < 1e-12) continue; /* backs are not drawn */
    var sx = origin[0] - p[a], sy = origin[1] - p[a + 1], sz = origin[2] - p[a + 2];
    var s = (sx * nx + sy * ny + sz * nz) / det;
    if (s < 0 || s > 1) continue;
    var qx = sy * uz - sz * uy, qy = sz * ux - sx * uz, qz = sx * uy - sy * ux;
    var t = (ray[0] * qx + ray[1] * qy + ray[2] * qz) / det;
    if (t < 0 || s + t > 1) continue;
    var far = (vx * qx + vy * qy + vz * qz) / det;
    if (far > 0.02 && far < best && origin[2] + ray[2] * far <= cut) {
      best = far;
      found = { face: f, far: far, vertex: faces[3 * f + (s > 0.5 ? 1 : t > 0.5 ? 2 : 0)] };
    }
  }
  return found;
}
